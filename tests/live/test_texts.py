"""Messages of text: rows as in files, features by name, numbers and times next to them."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.live.sources._texts import Texts
from rnnedge_runtime import Contract, InputError, Port

PORT = Port("x", "float32", ("batch", "time", 2), 0, 1)
CONTRACT = Contract((PORT,), (PORT,), (), form="native", opset=20, provenance={"features": json.dumps(["ax", "first"])})
X = [[1.5, 2.0], [-3.0, 0.25]]


@in_one_test(
    ("text", "rows", "first", "time_s"),
    [
        ("1.5,2", 1, 7, 5.0),
        ("first;ax\n2;1.5\n\n 0.25;-3 \n", 2, 7, 5.0),
        ('{"first": 2, "ax": 1.5}', 1, 7, 5.0),
        ('{"first": 2, "ax": 1.5, "unit": "g", "time_s": 8}', 1, 7, 8.0),
        ('{"frames": [[1.5, 2], [-3, 0.25]], "first": 12, "time_s": 0.5}', 2, 12, 0.5),
        ("[\n[1.5, 2],\n[-3, 0.25]\n]", 2, 7, 5.0),
    ],
)
def test_a_message_may_be_any_text_that_a_file_may_have(text: str, rows: int, first: int, time_s: float) -> None:
    """A feature that has the name of a field is a feature."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        packet = Texts(CONTRACT, clock=lambda: 5.0).packet(text, "mqtt", 7)
    assert packet is not None and (packet.first, packet.time_s) == (first, time_s)
    np.testing.assert_array_equal(packet.frames, X[:rows])


def test_a_feature_may_be_called_frames() -> None:
    """It is a number then, and no list of them."""
    contract = replace(CONTRACT, provenance={"features": json.dumps(["frames", "ay"])})
    packet = Texts(contract).packet('{"frames": 1.5, "ay": 2}', "mqtt", 0)
    assert packet is not None and packet.frames.tolist() == X[:1]


@in_one_test(
    ("text", "words"),
    [
        ('{"ax": 1}', "write an object with 'ax', 'first'"),
        ('{"ax": 1, "first": 2, "time_s": "noon"}', "time_s: expected seconds"),
        ("nothing", "expected 2 names in a header or 2 numbers"),
        ("{", "expected JSON"),
        ('{"ax": true, "first": 2}', "expected a JSON array of numbers"),
    ],
)
def test_any_other_message_is_told(text: str, words: str) -> None:
    """With the source, and what was expected."""
    with pytest.raises(InputError, match="mqtt") as error:
        Texts(CONTRACT).packet(text, "mqtt", 0)
    assert words in str(error.value)


def test_a_message_of_names_alone_is_a_header() -> None:
    """It has no frame, and says which columns later messages have."""
    texts = Texts(CONTRACT)
    with pytest.warns(UserWarning, match="takes the columns ax, first; leaves out t"):
        assert texts.packet("first,t,ax", "mqtt", 0) is None
    packet = texts.packet("2,0,1.5", "mqtt", 0)
    assert packet is not None and packet.frames.tolist() == X[:1]
