"""Whether the sequences of a batch go their own way: asked of the graph itself, because nothing else can promise it.

A frame number that all sequences share, or a scale that is taken over the whole batch, as dynamic quantization does,
couples sequences that stand at different places; then they may not share a call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Many
from weakref import WeakKeyDictionary

import numpy as np

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._sequence_runner import Sequence
from rnnedge_runtime.contract import BATCH, Array, Contract
from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.faults import Log, Policies
from rnnedge_runtime.pool._batched_call import Group
from rnnedge_runtime.pool._state_table import Order, Rows, sequences_first
from rnnedge_runtime.sample import sample_frames

_DEFAULT_TOLERANCE = 1e-5
# By how much whole numbers are moved: to another place in a cycle, another chunk, and beyond a window.
_AHEAD = (1, 7, 64, 1000)
_COUNTS = ("int32", "int64")
_Found = tuple[Mapping[str, Array], Mapping[str, Array]]
# What was found of the models that are in use.
_KNOWN: WeakKeyDictionary[LoadedModel, Order | None] = WeakKeyDictionary()


def order_of(loaded: LoadedModel) -> Order | None:
    """How the folded states of a file are laid out; None if two sequences in a batch disturb each other.

    A model is asked once: all its pools have the same graph.
    """
    if loaded not in _KNOWN:
        _KNOWN[loaded] = _tried(loaded)
    return _KNOWN[loaded]


def _tried(loaded: LoadedModel) -> Order | None:
    """`order_of`, by running the graph.

    Two sequences, one a call ahead of the other, run alone and then together: as soon as they may share a call, which
    without a warm-up is before frame 0, and a call later. Once more with the whole numbers that the second one carries
    far ahead: what a network does at some frames only shows nowhere else. Outputs and states have to agree within the
    tolerance of the golden sample.
    """
    contract = loaded.contract
    unit, first = contract.unit, contract.warmup
    frames = [_sample(loaded, (first + 3 + k) * unit, seed=k) for k in range(2)]
    order = _order(loaded, frames, (first + 1) * unit)
    return order if all(_go_their_own_way(loaded, order, frames, first + more) for more in (0, 1)) else None


def _go_their_own_way(loaded: LoadedModel, order: Order, frames: list[dict[str, Array]], calls: int) -> bool:
    """Whether two sequences do, `calls` calls from their beginning, the second one call more."""
    unit = loaded.contract.unit
    alone = [Sequence(loaded, 1, {}, Policies()) for _ in range(2)]
    for k, sequence in enumerate(alone):
        sequence.take({name: array[: (calls + k) * unit] for name, array in frames[k].items()})
    before = [sequence.place().arrays for sequence in alone]
    last = [{n: a[(calls + k) * unit : (calls + k + 1) * unit] for n, a in frames[k].items()} for k in range(2)]
    outputs = [sequence.take(last[k]) for k, sequence in enumerate(alone)]
    after = [sequence.place().arrays for sequence in alone]
    together = _together(loaded, order, before, last, calls * unit)
    if not _agree(loaded, together, list(zip(outputs, after, strict=True))):
        return False
    apart = loaded.without_others()
    further = _ahead(loaded.contract, before[1])
    return all(_also_apart(apart, order, [before[0], ahead], last, calls * unit) for ahead in further)


def _also_apart(
    loaded: LoadedModel, order: Order, before: Many[Mapping[str, Array]], last: Many[Mapping[str, Array]], fed: int
) -> bool:
    """Whether two sequences with these states do, the younger one after `fed` frames."""
    try:
        own = [_together(loaded, order, [one], [given], fed)[0] for one, given in zip(before, last, strict=True)]
        both = _together(loaded, order, before, last, fed)
    # No sequence comes to such a number: a table has no place for it.
    except RnnEdgeError:
        return True
    return _agree(loaded, both, own)


def _ahead(contract: Contract, arrays: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """The states with those that are whole numbers, such as that of a frame, further on."""
    names = [f"state:{state.input}" for state in contract.states if state.dtype in _COUNTS]
    for more in _AHEAD if names else ():
        yield {name: array + array.dtype.type(more) if name in names else array for name, array in arrays.items()}


def _together(
    loaded: LoadedModel, order: Order, before: Many[Mapping[str, Array]], last: Many[Mapping[str, Array]], fed: int
) -> list[tuple[dict[str, Array], dict[str, Array]]]:
    """The outputs of sequences in one batch, `fed` frames into the youngest, and their states after that call."""
    rows = Rows(loaded.contract, len(before), order)
    for k, arrays in enumerate(before):
        rows.write(k, arrays)
    group = Group(loaded, len(before), order, Policies(), Log(None))
    group.seat(np.arange(len(before)), rows)
    found = group.run({name: np.stack([given[name] for given in last]) for name in last[0]}, fed)
    group.leave(rows)
    return [({name: array[k] for name, array in found.items()}, rows.read(k)) for k in range(len(before))]


def _agree(loaded: LoadedModel, found: Many[_Found], expected: Many[_Found]) -> bool:
    golden = loaded.contract.golden
    tolerance = golden.tolerance if golden else _DEFAULT_TOLERANCE
    return all(
        _close(outputs, {name: array for name, array in own.items() if name in outputs}, tolerance)
        and _close(states, after, tolerance, "state:")
        for (outputs, states), (own, after) in zip(found, expected, strict=True)
    )


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
    return all(_is_near(found[name], array, tolerance) for name, array in expected.items() if name.startswith(prefix))


def _is_near(found: Array, expected: Array, tolerance: float) -> bool:
    """A state may begin with infinities, which are near to themselves only."""
    one, other = found.astype(np.float64), expected.astype(np.float64)
    allowed = tolerance * np.abs(other, where=np.isfinite(other), out=np.zeros_like(other)).max(initial=1.0)
    with np.errstate(invalid="ignore"):
        return bool(((one == other) | (np.abs(one - other) <= allowed)).all())
