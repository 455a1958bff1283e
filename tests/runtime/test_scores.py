"""Values of labels are probabilities where the file says what makes them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from rnnedge.cli._predictions import Writer
from rnnedge.live.predictions import PredictionRows
from rnnedge.live.session import Outputs
from rnnedge_runtime import load
from rnnedge_runtime.scores import probabilities, scores_of

GOLDEN = load(Path(__file__).parents[1] / "data" / "golden_gru.onnx", trust="local").contract
SAID = replace(GOLDEN, provenance={**GOLDEN.provenance, "scores": "softmax"})
VALUES = np.arange(2 * len(GOLDEN.labels), dtype=np.float32).reshape(2, -1) / 3


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


def test_what_no_file_says_is_raw() -> None:
    """Also a word that nobody knows; no frames have no probabilities."""
    assert scores_of(GOLDEN) == scores_of(replace(GOLDEN, provenance={"scores": "guess"})) == "raw"
    assert probabilities(np.zeros((0, 3), np.float32), "softmax").shape == (0, 3)
