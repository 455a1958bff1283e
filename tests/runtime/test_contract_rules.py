"""What a contract says of itself cannot all be true: each is refused by name, before a buffer has that shape."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from rnnedge_runtime.contract_json import dump, parse
from rnnedge_runtime.errors import ContractError

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
ENTRIES = {entry.key: entry.value for entry in onnx.load(GOLDEN).metadata_props}
Fields = dict[str, Any]


def _parsed(change: Callable[[Fields], object]) -> None:
    fields = json.loads(ENTRIES["rnnedge.contract"])
    change(fields)
    parse({**ENTRIES, "rnnedge.contract": json.dumps(fields)}, "m")


def _again(part: str, **fields: Any) -> Callable[[Fields], object]:
    """One more of a part, like the first one but for `fields`."""
    return lambda c: c[part].append({**copy.deepcopy(c[part][0]), **fields})


def _of(part: str, **fields: Any) -> Callable[[Fields], object]:
    return lambda c: c[part][0].update(fields)


def _cursor(name: str) -> Fields:
    return {"name": name, "kind": "last", "clock": {"rate": [1, 1], "delay": 0, "length": []}}


def _array(*values: float) -> Fields:
    data = np.array(values, np.float32).reshape(1, 1, -1)
    return {"dtype": "float32", "shape": list(data.shape), "data": base64.b64encode(data.tobytes()).decode()}


def _every_shape(batch: object, time: object, **fields: Any) -> Callable[[Fields], object]:
    """Other dims of the batch and of time in all ports, and of the batch in all states."""

    def change(c: Fields) -> None:
        for part in (*c["inputs"], *c["outputs"], *c["states"]):
            part["shape"][part["batch_axis"]] = batch
            if part.get("time_axis") is not None:
                part["shape"][part["time_axis"]] = time
        c.update(fields)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_again("inputs"), "inputs: expected names of the graph that are there once, found 'x'"),
        (_again("outputs"), "outputs: expected names"),
        (_again("states"), "inputs: expected names"),
        (_again("states", input="other"), "outputs: expected names"),
        (_of("states", input="x"), "inputs: expected names"),
        (_of("states", output="y"), "outputs: expected names"),
        (lambda c: c.update(cursors=[_cursor("x")]), "inputs: expected names"),
        (lambda c: c.update(cursors=[_cursor("end"), _cursor("end")]), "inputs: expected names"),
        (_of("inputs", shape=["time", "batch", "time"]), "batch and time on their own axes"),
        (_of("outputs", shape=["time", "batch", "batch"]), "batch and time on their own axes"),
        (_of("inputs", shape=["time", "batch", "3*batch"]), "batch and time on their own axes"),
        (_of("inputs", batch_axis=0, time_axis=1), "batch and time on their own axes"),
        (_of("inputs", time_axis=None), "batch and time on their own axes"),
        (_of("states", shape=[1, "batch", "time"]), "batch and time on their own axes"),
        (_of("states", batch_axis=2), "batch and time on their own axes"),
        (_of("states", shape=[1, 1, 6]), "expected 'batch' on axis 1"),
        (_of("outputs", shape=["time", 1, 3]), "expected 'batch' on axis 1"),
        (_every_shape(2, "time", states=[]), ""),
        (_of("inputs", shape=["time", 2, 4]), "expected 2 sequences on axis 1"),
        (_every_shape(0, "time", states=[]), "expected 0 sequences on axis 1"),
        (_every_shape("batch", 4), "expected time on axis 0"),
        (_every_shape("batch", 4, form="step", chunk=4), ""),
        (_every_shape("batch", 4, form="step", chunk=8), "expected 8 on axis 0"),
        (_of("inputs", per_frame=False), "per_frame: expected true for an input"),
        (lambda c: c["inputs"][0]["clock"].update(delay=1), "x.clock: expected one without delay"),
        (_of("states", initial=_array(0, 1, 2, 3, 4, 5, 6, np.nan)), "initial: expected numbers, found 'NaN'"),
        (_of("states", initial=_array(0, 1, 2, 3, 4, 5, 6, -np.inf)), ""),
        *((lambda c, rate=rate: c.update(frame_rate_hz=rate), words)
          for rate, words in ((0, "frame_rate_hz"), (-100, "frame_rate_hz"), (5e-324, "frame_rate_hz"),
                              (1e300, "frame_rate_hz"), (1e-3, ""), (96e3, ""), (None, ""))),
        (lambda c: c.update(normalization={"mean": [0, 0], "std": [1]}), "as many means as deviations"),
        (lambda c: c.update(normalization={"mean": [0], "std": [0]}), "all of these above 0"),
        (lambda c: c.update(normalization={"mean": [-3], "std": [2]}), ""),
        # Who reads a contract computes them from its outputs.
        (lambda c: c.update(lookahead=2, stride="2"), ""),
        (lambda c: (c.pop("lookahead"), c.pop("stride")), ""),
        (lambda c: c.update(precision="int7"), "precision: expected one of float32, float16"),
        (lambda c: c.update(precision="bf16"), ""),
        *((lambda c, part=part, value=value: c.update({part: value}), f"{part}: expected a list")
          for part in ("inputs", "outputs", "states", "labels", "cursors", "taps") for value in ({}, "abc")),
    ],
)  # fmt: skip
def test_what_cannot_be_true_at_once_is_refused(change: Callable[[Fields], object], words: str) -> None:
    """With the place, what was expected and what was found; the same with possible numbers is taken."""
    if not words:
        _parsed(change)
        return
    with pytest.raises(ContractError, match=words) as caught:
        _parsed(change)
    assert str(caught.value).startswith("m: contract.")


def test_what_is_true_is_taken() -> None:
    """The golden file, as it is and as it is written again."""
    contract = parse(ENTRIES, "m")
    assert json.loads(dump(parse(dump(contract), "m"))["rnnedge.contract"]) == json.loads(ENTRIES["rnnedge.contract"])


@pytest.mark.parametrize("entry", ["rnnedge.contract", "rnnedge.golden"])
def test_a_name_that_stands_twice_is_refused(entry: str) -> None:
    """Another reader would take the other value; in inner objects, too."""
    text = ENTRIES[entry]
    name = "hop" if entry == "rnnedge.contract" else "tolerance"
    inner = "batch_axis" if entry == "rnnedge.contract" else "dtype"
    for twice in (f'{text[:-1]},"{name}":1}}', text.replace(f'"{inner}":', f'"{inner}":0,"{inner}":', 1)):
        assert twice != text
        with pytest.raises(ContractError, match=r"appears twice"):
            parse({**ENTRIES, entry: twice}, "m")
