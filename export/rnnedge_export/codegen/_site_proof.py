"""Proof of a web site: its modules, in Node, give what onnxruntime gives, in every way that a page may stream.

1. Random frames, and frames as in life, each a sequence, in pieces of any length; by the module with vectors and by the
   one without.
2. Streams beside each other while memory grows, frames that are refused, an end, a reset, memory that another stream
   had, values per sequence, snapshots from stream to stream, from Python and to Python: all of random frames.
3. NAME.contract.json says what the file says.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge_export.codegen._build import Built
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen.render import part
from rnnedge_export.reference import Reference
from rnnedge_export.verification import Effort, Tolerance, every_token, other_contexts, signals
from rnnedge_export.verification.comparison import Comparison, Worst
from rnnedge_runtime.context import initial_contexts
from rnnedge_runtime.contract import Contract, Port
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model
from rnnedge_runtime.scores import SCORES, probabilities, scores_of_port

# How Node says what was thrown, after the place.
_ERROR = re.compile(r"(?:Uncaught )?\w*(Error|Refused)\b")
_SEED, _CUTS, _TIMEOUT_S = 0, 7, 120
_SIGNAL_FRAMES, _SIGNAL_CALLS = 48, 16
_SAME = ("unit", "least", "grain", "warmup", "precision", "lookahead", "labels")


@dataclass(frozen=True, eq=False)
class Sequence:
    """Frames (time, ...) by input, where they are cut, and values per sequence with a batch of 1."""

    signal: str
    frames: Mapping[str, Array]
    cuts: list[int]
    context: Mapping[str, Array]

    @property
    def length(self) -> int:
        return len(next(iter(self.frames.values())))


def errors_of_site(
    model: Model, reference: Reference, built: Built, calls: int, tolerance: Tolerance, folder: Path
) -> Iterator[Worst]:
    """The worst value of each way; `reference` is that of `model`, which runs the file on onnxruntime."""
    _check_contract(built, model.contract)
    sequences = list(_sequences(model, reference, calls))
    usual = sequences[0]
    before = model.stream(context=usual.context or None)
    shown = {name: array.ravel().tolist() for name, array in _pushed(before, usual, 0, usual.cuts[2]).items()}
    plan = _plan(built, model.contract, sequences) | {"snapshot": _text(before.snapshot()), "before": shown}
    found, saved = _in_node(built, sequences, plan, folder)
    for road, index, arrays in found:
        yield _worst(model, reference, sequences[index], arrays, tolerance).on(sequences[index].signal, road)
    for text in saved:
        after = model.stream(context=usual.context or None)
        after.restore(base64.b64decode(text))
        rest = _pushed(after, usual, usual.cuts[2], usual.length)
        arrays = _joined([shown, rest, dict(named(model.contract, after.finish()))])
        yield _worst(model, reference, usual, arrays, tolerance).on(usual.signal, "snapshot to Python")


def _sequences(model: Model, reference: Reference, calls: int) -> Iterator[Sequence]:
    contract, rng = model.contract, np.random.default_rng(_SEED)
    unit, given = contract.unit, initial_contexts(contract)
    frames = reference.frames(1, reference.lengths.at_least(calls * unit + unit // 2), rng)
    yield _cut("random frames", frames, given, unit, rng)
    time = reference.lengths.at_least((contract.warmup + -(-_SIGNAL_FRAMES // unit) + _SIGNAL_CALLS) * unit)
    if contract.precision == "float32":
        names = Effort().signals
        every = signals(reference, names, time)
        for k, name in enumerate(names):
            yield _cut(name, {n: array[k : k + 1] for n, array in every.items()}, given, unit, rng)
    sizes = {port.name: port.range[1] + 1 for port in contract.inputs if port.range and port.range[0] == 0}
    if sizes:
        yield _cut("vocabulary", every_token(reference, sizes), given, unit, rng)
    for rows in other_contexts(model, reference):
        yield _cut("other contexts", reference.frames(1, time, rng), rows, unit, rng)


def _cut(
    name: str, frames: Mapping[str, Array], context: Mapping[str, Array], unit: int, rng: np.random.Generator
) -> Sequence:
    """In pieces, the second of which ends within a call, if calls have more than a frame."""
    alone = {each: array[0] for each, array in frames.items()}
    length = len(next(iter(alone.values())))
    cuts = sorted(int(cut) for cut in rng.integers(2, length + 1, _CUTS))
    middle = max(2, min(length, length // 2 // unit * unit + unit // 2))
    return Sequence(name, alone, [0, 1, middle, *(cut for cut in cuts if cut > middle), length], context)


def _plan(built: Built, contract: Contract, sequences: list[Sequence]) -> dict[str, Any]:
    assert built.artifact is not None
    first = next(port for port in contract.outputs)
    values = np.random.default_rng(_SEED).standard_normal((3, *(int(d) for d in first.frame_shape))).astype(np.float32)
    return {
        "module": built.artifact.absolute().with_suffix(".js").as_uri(),
        "sequences": [_said(one, contract) for one in sequences],
        "odd": [{"name": port.name, "value": value} for port in contract.inputs for value in _odd(port)],
        "values": values.ravel().tolist(),
        "probabilities": {scores: probabilities(values, scores).ravel().tolist() for scores in SCORES},
    }


def _said(one: Sequence, contract: Contract) -> dict[str, Any]:
    axes = {state.input: state.batch_axis for state in contract.contexts}
    return {
        "inputs": {name: {"dtype": str(array.dtype), "bytes": array.nbytes} for name, array in one.frames.items()},
        "cuts": one.cuts,
        "length": one.length,
        "context": {name: array.take(0, axis=axes[name]).ravel().tolist() for name, array in one.context.items()},
    }


def _odd(port: Port) -> list[str]:
    """What is refused: NaN and infinities, and numbers that name no row."""
    if port.dtype.startswith("float"):
        return ["NaN", "Infinity", "-Infinity"]
    return [str(port.range[0] - 1), str(port.range[1] + 1)] if port.range else []


def _check_contract(built: Built, contract: Contract) -> None:
    """Case 3."""
    assert built.artifact is not None
    said = json.loads(built.artifact.with_suffix(".contract.json").read_text(encoding="utf-8"))
    expected = {key: getattr(contract, key) for key in _SAME}
    expected |= {"labels": list(contract.labels), "frameRateHz": contract.frame_rate_hz, "digest": built.source.digest}
    for side, ports in (("inputs", contract.inputs), ("outputs", contract.outputs)):
        expected[side] = [_facts(contract, port) for port in ports]
        said[side] = [{key: each[key] for key in expected[side][0]} for each in said[side]]
    for key, value in expected.items():
        if said[key] != value:
            raise VerificationError(
                f"{built.source.name}.contract.json: expected {key} {value}, as in the file, found {said[key]}"
            )


def _facts(contract: Contract, port: Port) -> dict[str, Any]:
    shape = [int(d) for d in port.frame_shape]
    scores = scores_of_port(contract, port)
    within = list(port.range) if port.range and max(map(abs, port.range)) < 2**53 else None
    return {"name": port.name, "dtype": port.dtype, "shape": shape, "range": within, "scores": scores}


def _worst(
    model: Model, reference: Reference, one: Sequence, found: Mapping[str, Array], tolerance: Tolerance
) -> Worst:
    compare = Comparison(model, reference.with_context(one.context) if one.context else reference, tolerance)
    frames = {name: array[None] for name, array in one.frames.items()}
    shaped = {
        port.name: found[port.name].reshape(1, -1, *map(int, port.frame_shape)) for port in model.contract.outputs
    }
    return compare.of(frames, shaped, compare.reference.raw(frames))


def _pushed(stream: Any, one: Sequence, start: int, end: int) -> dict[str, Array]:
    return dict(named(stream.contract, stream.push({name: array[start:end] for name, array in one.frames.items()})))


def _joined(parts: list[dict[str, Any]]) -> dict[str, Array]:
    """Flat, by output."""
    names = dict.fromkeys(name for each in parts for name in each)
    return {n: np.concatenate([np.ravel(each[n]) for each in parts if n in each]) for n in names}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _in_node(
    built: Built, sequences: list[Sequence], plan: Mapping[str, Any], folder: Path
) -> tuple[list[tuple[str, int, dict[str, Array]]], list[str]]:
    """(road, sequence, flat outputs by name) of every way, and snapshots."""
    (folder / "in.bin").write_bytes(b"".join(a.tobytes() for one in sequences for a in one.frames.values()))
    (folder / "plan.json").write_text(json.dumps(plan))
    script = folder / "prove.mjs"
    script.write_text(part(script.name, "web"))
    command = ["node", str(script), str(folder)]
    try:
        ran = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise VerificationError(f"{built.source.name} for web: node: no end within {_TIMEOUT_S} seconds") from error
    if ran.returncode:
        lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        text = next((line for line in lines if _ERROR.match(line)), lines[0] if lines else str(ran.returncode))
        raise VerificationError(f"{built.source.name} for web: node: {text.strip()}")
    said = json.loads((folder / "out.json").read_text())
    numbers, at = np.fromfile(folder / "out.bin", np.float64), 0
    found: dict[tuple[str, int], dict[str, Array]] = {}
    for each in said["told"]:
        values = numbers[at : at + each["length"]]
        found.setdefault((each["road"], each["sequence"]), {})[each["name"]] = values
        at += each["length"]
    return [(*key, arrays) for key, arrays in found.items()], said["saved"]
