"""The bytes of an ONNX file that rnnedge has not written, as far as its trust allows.

Such a file has no seal, so nothing says that it was made here: it is somebody else's unless whoever calls says "local".
1. A plain file. Of somebody else's, at most as long as the careful loader takes one; else as long as ONNX can be.
2. Weights in other files belong to a local file only: an untrusted one names any file that the user can read.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import onnx
import onnx.external_data_helper as outside

from rnnedge_export.onnx_files._validity import tensors
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.plain_file import LARGEST, is_there, read_plain
from rnnedge_runtime.trust import trust_of
from rnnedge_runtime.untrusted.limits import LIMITS

_REMEDY = "if you trust whoever made it, take it with trust='local' (--trust local)"


def read_foreign(path: str, trust: str | None) -> tuple[str, onnx.ModelProto]:
    """(SHA-256, model) of the file at `path`; raises `ModelRefused` for none, and for what its trust does not allow."""
    local = trust_of("", trust) == "local"
    remedy, most = ("ONNX has no longer ones", LARGEST) if local else (_REMEDY, LIMITS.file_bytes)
    data = read_plain(path, ModelRefused, remedy if is_there(path) else "check the path", most)
    try:
        proto = onnx.load_from_string(data)
        elsewhere = next((tensor for tensor in tensors(proto) if outside.uses_external_data(tensor)), None)
        if elsewhere is not None and local:
            outside.load_external_data_for_model(proto, str(Path(path).absolute().parent))
    except OSError as error:
        raise ModelRefused(f"{path}: its weights cannot be read ({error.strerror}); copy them next to it") from error
    # The parser of protocol buffers has exceptions of its own.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelRefused(f"{path}: is not an ONNX file ({reason})") from error
    if elsewhere is not None and not local:
        raise ModelRefused(
            f"{path}: {elsewhere.name[:60]!r}: expected weights in the file itself, found them in another; {_REMEDY}"
        )
    return sha256(data).hexdigest(), proto
