"""What an error says is one line, whatever a file or another library put into it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from in_one_test import in_one_test

from rnnedge_runtime import ModelRefused, RnnEdgeError, load
from rnnedge_runtime.checksum import KEY, seal
from rnnedge_runtime.errors import RemoteError

_GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


@in_one_test("text", ["a\nb", "a\r\nb", "\x1b[2J", "\x9b1A", "\u2028", "\ud800", "a\x00b", "\x85"])
@in_one_test("kind", [RnnEdgeError, ModelRefused, RemoteError])
def test_no_text_begins_a_line_of_a_message(kind: type[RnnEdgeError], text: str) -> None:
    """Control characters, line separators and halves of characters are written as escapes; letters stay."""
    error = kind(f"Größe {text}!")
    assert str(error).isprintable()
    assert str(error).startswith("Größe ")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_word_of_an_attribute_with_a_line_in_it_is_shown_in_one(tmp_path: Path) -> None:
    """Damage behind an intact grammar: the refusal shows the word, in one line."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(_GOLDEN)
    node = next(one for one in model.graph.node if one.op_type == "GRU")
    direction = next(one for one in node.attribute if one.name == "direction")
    direction.s = b"for\nward"
    kept = [one for one in model.metadata_props if one.key != KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    file = tmp_path / "changed.onnx"
    file.write_bytes(seal(model.SerializeToString()))
    with pytest.raises(ModelRefused, match=r"for\\nward") as found:
        load(file, trust="strict")
    assert "\n" not in str(found.value)
