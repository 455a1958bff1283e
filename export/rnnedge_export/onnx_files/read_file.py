"""An ONNX file of any framework, read and plain, if it is one that the passes can take."""

from __future__ import annotations

from collections import Counter

import onnx

from rnnedge_export.onnx_files._foreign import read_foreign
from rnnedge_export.onnx_files._opsets import NEWEST, OLDEST, opset_of
from rnnedge_export.onnx_files._plain import make_plain
from rnnedge_runtime.errors import ModelRefused


def read_file(path: str, trust: str | None = None) -> tuple[str, onnx.ModelProto]:
    """(SHA-256, model) of the file at `path`, as `read_foreign` reads it; raises `ModelRefused`."""
    digest, proto = read_foreign(path, trust)
    if not proto.graph.node:
        raise ModelRefused(f"{path}: is not an ONNX file, or has no operators")
    if not proto.graph.output:
        raise ModelRefused(f"{path}: expected at least one output, found none")
    given = Counter(name for node in proto.graph.node for name in node.output if name)
    twice = next((name for name, count in given.items() if count > 1), None)
    if twice is not None:
        raise ModelRefused(f"{path}: {twice!r}: two nodes give it, so the file is no valid ONNX; write it again")
    make_plain(proto)
    if not OLDEST <= opset_of(proto) <= NEWEST:
        raise ModelRefused(f"{path}: opset {opset_of(proto)}: expected {OLDEST} to {NEWEST}; convert it first")
    if any(key.key.startswith("rnnedge.") for key in proto.metadata_props):
        raise ModelRefused(f"{path}: streams already; it was made by rnnedge export")
    return digest, proto
