"""Whether the sequences of a batch go their own way: asked of the graph itself, because nothing else can promise it.

A frame number that all sequences share, or a scale that is taken over the whole batch, as dynamic quantization does,
couples sequences that stand at different places; then they may not share a call.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._sequence_runner import Sequence
from rnnedge_runtime.contract import BATCH, Array
from rnnedge_runtime.faults import Log, Policies
from rnnedge_runtime.pool._batched_call import Group
from rnnedge_runtime.pool._state_table import Order, Rows, sequences_first
from rnnedge_runtime.sample import sample_frames

_DEFAULT_TOLERANCE = 1e-5


def order_of(loaded: LoadedModel) -> Order | None:
    """How the folded states of a file are laid out; None where two sequences in a batch disturb each other.

    Two sequences, one a call ahead of the other, run alone and then together; outputs and states have to agree within
    the tolerance of the golden sample.
    """
    contract = loaded.contract
    unit, calls = contract.unit, contract.warmup + 1
    frames = [_sample(loaded, (calls + 2 + k) * unit, seed=k) for k in range(2)]
    order = _order(loaded, frames, calls * unit)
    alone = [Sequence(loaded, 1, {}, Policies()) for _ in range(2)]
    for k, sequence in enumerate(alone):
        sequence.take({name: array[: (calls + k) * unit] for name, array in frames[k].items()})
    before = [sequence.place().arrays for sequence in alone]
    last = [{n: a[(calls + k) * unit : (calls + k + 1) * unit] for n, a in frames[k].items()} for k in range(2)]
    outputs = [sequence.take(last[k]) for k, sequence in enumerate(alone)]
    after = [sequence.place().arrays for sequence in alone]

    rows = Rows(contract, 2, order)
    for k in range(2):
        rows.write(k, before[k])
    group = Group(loaded, 2, order, Policies(), Log(None))
    group.seat(np.arange(2), rows)
    found = group.run({name: np.stack([last[0][name], last[1][name]]) for name in last[0]}, calls * unit)
    group.leave(rows)
    tolerance = contract.golden.tolerance if contract.golden else _DEFAULT_TOLERANCE
    for k in range(2):
        own = {name: array[k] for name, array in found.items() if name in outputs[k]}
        if not (_close(own, outputs[k], tolerance) and _close(rows.read(k), after[k], tolerance, "state:")):
            return None
    return order


def _order(loaded: LoadedModel, frames: list[dict[str, Array]], length: int) -> Order:
    """By comparing the states of two sequences alone with those of both in one batch, at the same place."""
    folded = [state for state in loaded.contract.states if state.shape[state.batch_axis] != BATCH]
    if not folded:
        return {}
    alone = [Sequence(loaded, 1, {}, Policies()) for _ in range(2)]
    both = Sequence(loaded, 2, {}, Policies())
    for sequence, given in zip(alone, frames, strict=True):
        sequence.take({name: array[:length] for name, array in given.items()})
    both.take({name: np.stack([given[name][:length] for given in frames]) for name in frames[0]})
    order = {}
    for state in folded:
        name = f"state:{state.input}"
        own = [sequences_first(s.place().arrays[name], state, 1, {state.input: True})[0] for s in alone]
        together = both.place().arrays[name]
        errors = {
            slower: np.abs(sequences_first(together, state, 2, {state.input: slower}) - np.stack(own)).max()
            for slower in (True, False)
        }
        order[state.input] = bool(errors[True] <= errors[False])
    return order


def _sample(loaded: LoadedModel, count: int, seed: int) -> dict[str, Array]:
    frames = sample_frames(loaded.contract, count, seed)
    return frames if isinstance(frames, dict) else {loaded.contract.inputs[0].name: frames}


def _close(found: Mapping[str, Array], expected: Mapping[str, Array], tolerance: float, prefix: str = "") -> bool:
    return all(
        np.abs(found[name] - array.astype(np.float64)).max(initial=0.0)
        <= tolerance * max(1.0, np.abs(array).max(initial=0.0))
        for name, array in expected.items()
        if name.startswith(prefix)
    )
