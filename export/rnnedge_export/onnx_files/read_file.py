"""An ONNX file of any framework, read and plain, if it is one that the passes can take."""

from __future__ import annotations

import onnx

from rnnedge_export.onnx_files._foreign import read_foreign
from rnnedge_export.onnx_files._opsets import NEWEST, OLDEST, opset_of
from rnnedge_export.onnx_files._plain import make_plain
from rnnedge_export.onnx_files._trial import try_apart
from rnnedge_export.onnx_files._validity import check_valid
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.trust import trust_of


def read_file(path: str, trust: str | None = None) -> tuple[str, onnx.ModelProto]:
    """(SHA-256, model) of the file at `path`, as `read_foreign` reads it; raises `ModelRefused`."""
    digest, proto = read_foreign(path, trust)
    check_valid(proto, path)
    try:
        make_plain(proto)
    except ModelRefused as error:
        raise ModelRefused(f"{path}: {error}") from error
    if not OLDEST <= opset_of(proto) <= NEWEST:
        raise ModelRefused(f"{path}: opset {opset_of(proto)}: expected {OLDEST} to {NEWEST}; convert it first")
    if any(key.key.startswith("rnnedge.") for key in proto.metadata_props):
        raise ModelRefused(f"{path}: streams already; it was made by rnnedge export")
    if trust_of("", trust) != "local":
        try_apart(proto, path)
    return digest, proto
