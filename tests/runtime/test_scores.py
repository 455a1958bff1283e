"""Values of labels are probabilities where the file says what makes them."""

from __future__ import annotations

import io
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnedge.cli._predictions import Writer
from rnnedge.live.predictions import PredictionRows
from rnnedge.live.session import Outputs
from rnnedge_runtime import InputError, Model, load
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.scores import probabilities, scores_of

MODEL = load(Path(__file__).parents[1] / "data" / "golden_gru.onnx", trust="local")
GOLDEN = MODEL.contract
SAID = replace(GOLDEN, provenance={**GOLDEN.provenance, "scores": "softmax"})
VALUES = np.arange(2 * len(GOLDEN.labels), dtype=np.float32).reshape(2, -1) / 3


def promising(contract: Contract) -> Model:
    """The same file, which would promise this."""
    loaded = copy(MODEL.loaded)
    loaded.contract = contract
    return Model(loaded)


def test_every_writer_says_the_same_probability() -> None:
    """Of a file that was trained with a softmax; `logits` leaves the values, as a file does that says nothing."""
    name = SAID.results[0].name
    likely = np.exp(VALUES[0]) / np.exp(VALUES[0]).sum()
    outputs = [Outputs(name, np.arange(2), np.arange(2) / 100, VALUES)]
    for contract, logits, expected in ((SAID, False, likely), (SAID, True, VALUES[0]), (GOLDEN, False, VALUES[0])):
        text = io.StringIO()
        Writer(text, contract, "csv", True, logits).write({name: VALUES})
        cells = text.getvalue().splitlines()[1].split(",")[2:]
        row = next(iter(PredictionRows(contract, True, logits).rows(outputs)))
        assert [row["label"], row["score"]] == [cells[0], float(cells[1])] == [GOLDEN.labels[-1], row["values"][-1]]
        np.testing.assert_allclose([row["values"], list(map(float, cells[2:]))], [expected] * 2, rtol=1e-6)


@pytest.mark.parametrize(("scores", "expected"), [("softmax", [0.0, 1.0]), ("sigmoid", [0.5, 1.0])])
def test_a_program_asks_the_model(scores: str, expected: list[float]) -> None:
    """One row or many, of any leading axes, with the names of its columns."""
    model = promising(replace(GOLDEN, labels=("quiet", "loud"), provenance={"scores": scores}))
    assert model.labels == ("quiet", "loud")
    values = np.tile(np.array([0, 1000], np.float32), (2, 3, 1))
    np.testing.assert_array_equal(model.probabilities(values), np.tile(expected, (2, 3, 1)))
    np.testing.assert_array_equal(model.probabilities(values[0, 0]), expected)
    assert model.probabilities(values[0, :0]).shape == (0, 2)


@pytest.mark.parametrize("wrong", [np.zeros((4, 1)), 1.0, [[0, 1], [2]], ["a"] * len(GOLDEN.labels), None, {"y": 1}])
def test_what_has_no_value_for_each_label_has_no_probabilities(wrong: Any) -> None:
    """Several outputs are asked about one by one."""
    with pytest.raises(InputError, match=r"values|for each label"):
        promising(GOLDEN).probabilities(wrong)
    with pytest.raises(InputError, match="a file with labels, found none"):
        promising(replace(GOLDEN, labels=())).probabilities(np.zeros((4, 3)))


def test_what_no_file_says_is_raw() -> None:
    """Also a word that nobody knows; no frames have no probabilities."""
    assert scores_of(GOLDEN) == scores_of(replace(GOLDEN, provenance={"scores": "guess"})) == "raw"
    assert probabilities(np.zeros((0, 3), np.float32), "softmax").shape == (0, 3)
