"""One reader of protobuf: strict for files from others, and one that skips what it does not look for."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnedge_runtime import ModelRefused
from rnnedge_runtime.engines.native._signature import read_signature
from rnnedge_runtime.protobuf_reader import Grammar, Reader

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
# Field 2 with each wire type, around field 1 = 7: a number, eight bytes, text, four bytes.
OTHERS = [b"\x10\x96\x01", b"\x11" + bytes(8), b"\x12\x03abc", b"\x15" + bytes(4)]


def read(data: bytes, skips: bool) -> dict[str, object]:
    """`data` by a grammar that names field 1, an integer."""
    grammar = Grammar("Test")
    grammar.add(1, "one", "int")
    return Reader(data, 100, 2, skips=skips).read(grammar)


def test_other_fields_are_skipped_or_refused() -> None:
    """Of every wire type, before and after the field that is named."""
    for other in OTHERS:
        assert read(other + b"\x08\x07" + other, skips=True) == {"one": 7}
        with pytest.raises(ModelRefused, match="expected what rnnedge writes, found field 2"):
            read(b"\x08\x07" + other, skips=False)


def test_what_is_cut_short_or_stands_twice_is_refused() -> None:
    """A reader that skips is no less strict about what it reads."""
    for other in OTHERS:
        with pytest.raises(ModelRefused):
            read(other[:-1], skips=True)
    with pytest.raises(ModelRefused, match="wire type 3"):
        read(b"\x13", skips=True)
    with pytest.raises(ModelRefused, match="found two"):
        read(b"\x08\x07\x08\x07", skips=True)


def test_a_signature_is_what_onnx_reads() -> None:
    """Metadata, inputs and outputs of a real file."""
    onnx = pytest.importorskip("onnx")
    model, found = onnx.load(GOLDEN), read_signature(GOLDEN.read_bytes(), "golden")
    assert found.metadata == {entry.key: entry.value for entry in model.metadata_props}
    for ports, expected in ((found.inputs, model.graph.input), (found.outputs, model.graph.output)):
        sizes = [tuple(d.dim_value or d.dim_param for d in one.type.tensor_type.shape.dim) for one in expected]
        assert [(port.name, port.shape) for port in ports] == [
            (o.name, s) for o, s in zip(expected, sizes, strict=True)
        ]
    with pytest.raises(ModelRefused, match=r"junk: expected an ONNX file, found other bytes"):
        read_signature(b"\x72\xff", "junk")
