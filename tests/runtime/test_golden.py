"""A golden sample shows something: what may differ follows from what is recorded, and not from what the file says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from in_one_test import in_one_test

from rnnedge_runtime import ContractError, ModelRefused, replay
from rnnedge_runtime.checksum import seal
from rnnedge_runtime.golden_tolerance import allowed_errors, errors
from rnnedge_runtime.loader import load_bytes

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
Change = Callable[[dict[str, Any]], object]


def encoded(array: Any) -> dict[str, Any]:
    """An array as it stands in a file."""
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": base64.b64encode(array.tobytes()).decode()}


def with_sample(change: Change) -> bytes:
    """The golden file, whose output "y" is (16, 3), with another sample."""
    proto = onnx.load(GOLDEN)
    del proto.metadata_props[-1]
    entry = next(e for e in proto.metadata_props if e.key == "rnnedge.golden")
    fields = json.loads(entry.value)
    change(fields)
    entry.value = json.dumps(fields)
    return seal(proto.SerializeToString())


def scaled(side: str, factor: float, frames: slice = slice(None)) -> Change:
    """What is recorded, multiplied by `factor` in some frames."""

    def change(fields: dict[str, Any]) -> None:
        ((name, array),) = fields[side].items()
        values = np.frombuffer(base64.b64decode(array["data"]), np.float32).reshape(array["shape"]).copy()
        values[frames] *= np.float32(factor)
        fields[side][name] = encoded(values)

    return change


def both(*changes: Change) -> Change:
    """One after the other."""

    def change(fields: dict[str, Any]) -> None:
        for one in changes:
            one(fields)

    return change


def tolerance(value: object) -> Change:
    """The file says that so much may differ."""
    return lambda fields: fields.update(tolerance=value)


WRONG: dict[str, Change] = {
    "a wrong value": scaled("outputs", 1.1),
    "a wrong value and a large tolerance": both(scaled("outputs", 1.1), tolerance(1e20)),
    "a tolerance like that of a narrow file": both(scaled("outputs", 1.01), tolerance(0.01)),
    "zeros and a large tolerance": both(scaled("outputs", 0.0), tolerance(1.0)),
    "one frame that is huge, the others wrong": both(
        scaled("outputs", 1.5, slice(1, None)), scaled("outputs", 1e6, slice(1)), tolerance(1e3)
    ),
}


@in_one_test("name", WRONG)
@in_one_test("trust", ["strict", "local"])
def test_no_tolerance_makes_a_wrong_replay_pass(name: str, trust: str) -> None:
    """A strict load refuses it, and the report of a replay says that it failed."""
    data = with_sample(WRONG[name])
    if trust == "strict":
        with pytest.raises(ModelRefused, match=r"golden"):
            load_bytes(data, "m", trust="strict")
    else:
        assert not replay(load_bytes(data, "m", trust="local")).passed


def test_a_right_replay_passes_within_the_tolerance_of_the_file() -> None:
    """As exported; and with a tolerance that is too small for it, it does not."""
    assert replay(load_bytes(with_sample(lambda fields: None), "m", trust="strict")).passed
    assert not replay(load_bytes(with_sample(tolerance(1e-12)), "m", trust="local")).passed


def _output(fields: dict[str, Any], array: Any, name: str = "y") -> None:
    fields["outputs"][name] = encoded(array)


F, D = np.float32, np.float64
OTHERS: dict[str, tuple[Change, str]] = {
    "another output": (lambda f: _output(f, np.full(1, 1e30, F), "more"), r"found \['more', 'y'\]"),
    "no output": (lambda f: f.update(outputs={}), r"golden\.outputs: expected those of .* \['y'\], found \[\]"),
    "another input": (lambda f: f["inputs"].update(z=encoded(np.ones((16, 4), F))), r"found \['x', 'z'\]"),
    "no input": (lambda f: f.update(inputs={}), r"golden\.inputs"),
    "no frame": (lambda f: f["inputs"].update(x=encoded(np.ones((0, 4), F))), r"at least one frame"),
    "frames of another width": (lambda f: f["inputs"].update(x=encoded(np.ones((16, 5), F))), r"inputs\.x: expected"),
    "frames of another type": (lambda f: f["inputs"].update(x=encoded(np.ones((16, 4), D))), r"found float64"),
    "a NaN in": (lambda f: f["inputs"].update(x=encoded(np.full((16, 4), np.nan, F))), r"inputs\.x: expected finite"),
    "a NaN out": (lambda f: _output(f, np.full((16, 3), np.nan, F)), r"outputs\.y: expected finite"),
    "an infinity out": (lambda f: _output(f, np.full((16, 3), np.inf, F)), r"outputs\.y: expected finite"),
    "outputs of another length": (lambda f: _output(f, np.ones((15, 3), F)), r"expected 16 frames for 16.*found 15"),
    "outputs of another width": (lambda f: _output(f, np.ones((16, 1), F)), r"outputs\.y: expected"),
    "outputs of another type": (lambda f: _output(f, np.ones((16, 3), np.int64)), r"found int64"),
    "an output that is one number": (lambda f: _output(f, np.array(1.0, F)), r"outputs\.y: expected"),
    "a negative tolerance": (tolerance(-1e-9), r"golden\.tolerance"),
    "a tolerance that is no number": (tolerance("1"), r"golden\.tolerance"),
    "a tolerance that is NaN": (tolerance(float("nan")), r"golden\.tolerance"),
}  # fmt: skip


@in_one_test("name", OTHERS)
@in_one_test("trust", ["strict", "local"])
def test_a_sample_that_is_not_of_the_contract_is_refused(name: str, trust: str) -> None:
    """By the strict load and by the replay of any file, with one error that names the place."""
    change, words = OTHERS[name]
    with pytest.raises(ContractError, match=words):
        replay(load_bytes(with_sample(change), "m", trust=trust))


def test_what_may_differ_is_a_small_part_of_what_is_recorded() -> None:
    """Of the value and of the largest one of its output, by precision; never more than the file says."""
    recorded = np.array([0.0, 2.0, -1000.0], np.float32)
    np.testing.assert_allclose(allowed_errors(recorded, 1e9, "float32"), [0.1, 0.102, 1.1])
    np.testing.assert_allclose(allowed_errors(recorded, 1e9, "int8"), [100, 100.1, 150])
    np.testing.assert_allclose(allowed_errors(recorded, 1e9, "anything"), allowed_errors(recorded, 1e9, "float32"))
    np.testing.assert_allclose(allowed_errors(recorded, 0.05, "float32"), 0.05)
    np.testing.assert_allclose(allowed_errors(recorded / 1e9, 1.0, "float32"), 5e-7)
    np.testing.assert_allclose(allowed_errors(recorded * 0, 1.0, "float32"), 1e-5)


def test_integers_do_not_differ() -> None:
    """However large they are: above 2^53 neighbours are one number in float64."""
    recorded = np.array([7, 1 << 60, -(1 << 63)], np.int64)
    assert not errors(recorded, recorded).any()
    assert (errors(recorded + 1, recorded) > allowed_errors(recorded, 1e9, "int8")).all()
    flags = np.array([True, False])
    assert (errors(~flags, flags) > allowed_errors(flags, 1e9, "float32")).all()
