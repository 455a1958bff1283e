"""Files in onnxruntime's own format, ORT, as `rnnedge package --for ort` writes them: sealed, with their contract."""

from __future__ import annotations

from collections.abc import Sequence

from rnnedge_runtime.errors import ModelRefused, ProviderError

# The identifier of a flatbuffer comes after the offset of its root, which is near. ONNX with these letters in the name
# of its producer has a length and a tag in front of them, which no near offset is.
_NEAR, _IDENTIFIER = b"\0\0", b"ORTM"


def is_ort_format(data: bytes) -> bool:
    """Whether these bytes are of that format rather than of ONNX."""
    return data[2:8] == _NEAR + _IDENTIFIER


def check_ort_format(name: str, trust: str, providers: Sequence[str]) -> None:
    """What reads ONNX cannot look through such a file, or compile it.

    Raises `ModelRefused` for a file that is not trusted, `ProviderError` for another provider than onnxruntime's "cpu".
    """
    if trust != "local":
        raise ModelRefused(
            f"{name}: files in ORT format cannot be looked through; load the ONNX file that it was made of, or, if you "
            "trust whoever made it, this one with trust='local'"
        )
    if others := [provider for provider in providers if provider != "cpu"]:
        raise ProviderError(
            f"{name}: files in ORT format run with provider 'cpu' only, found {others[0]!r}; load the ONNX file that "
            "it was made of"
        )
