"""Whether a golden sample shows anything: other frames would have given other outputs.

A file whose outputs are the same whatever comes replays everywhere, also where nothing is computed right. A few other
sequences of the same length are tried, most of them made of the numbers of the sample; one that changes one output is
enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.contract import Array, Port
from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.golden_tolerance import allowed_errors, checked_sample, errors
from rnnedge_runtime.stream import open_stream

SHOWS_NOTHING = "expected outputs that other frames change, found the same for each that was tried; it proves nothing"
_LOUD = 100.0
_SEED, _SMALL = 0, (0, 9)
# A narrow file may be far off in a replay; what its frames change may be less.
_AS_PRECISE = "float32"


def depends_on_frames(loaded: LoadedModel) -> bool:
    """Whether some output changes by more than rounding, for frames that are not those of the golden sample.

    True for a sample that is too short for an output: it says nothing, right or wrong.
    """
    contract, size = loaded.contract, loaded.contract.batch or 1
    golden = checked_sample(contract)
    if not any(array.size for array in golden.outputs.values()):
        return True
    allowed = {n: allowed_errors(a, np.inf, _AS_PRECISE) for n, a in golden.outputs.items()}
    for change in _CHANGES:
        frames = {port.name: change(golden.inputs[port.name], port) for port in contract.inputs}
        given = frames if size == 1 else {name: np.stack([array] * size) for name, array in frames.items()}
        try:
            found = stream_all(open_stream(loaded, size), given)
        except InputError:
            # Frames that the file does not take are none.
            continue
        except RnnEdgeError:
            # It does something else with these.
            return True
        if _differ({n: a if size == 1 else a[0] for n, a in found.items()}, golden.outputs, allowed):
            return True
    return False


def _differ(found: Mapping[str, Array], recorded: Mapping[str, Array], allowed: Mapping[str, Array]) -> bool:
    # A NaN is no recorded number.
    return any(not (errors(found[name], array) <= allowed[name]).all() for name, array in recorded.items())


def _mirrored(array: Array, port: Port) -> Array:
    """From the end, with the other sign; of whole numbers, from the other end of those that stand there."""
    backwards: Array = array[::-1]
    if array.dtype.kind == "f":
        return np.negative(backwards)
    low, high = array.min(initial=0), array.max(initial=0)
    mirrored: Array = ~backwards if array.dtype.kind == "b" else (low + (high - backwards)).astype(array.dtype)
    return mirrored


def _louder(array: Array, port: Port) -> Array:
    """A hundred times; of whole numbers, the ends of what the input takes by turns."""
    if array.dtype.kind == "f":
        return np.asarray(array * array.dtype.type(_LOUD), array.dtype)
    return _by_turns(array, *(port.range or (array.min(initial=0), array.max(initial=0))))


def _silent(array: Array, port: Port) -> Array:
    return np.zeros_like(array)


def _constant(array: Array, port: Port) -> Array:
    """The largest number everywhere."""
    return np.full_like(array, array.max(initial=0))


def _random(array: Array, port: Port) -> Array:
    """Usual numbers, for a sample that is silence; whole ones of the input's range, small ones where it has none."""
    rng = np.random.default_rng(_SEED)
    if array.dtype.kind == "f":
        return np.asarray(rng.standard_normal(array.shape), array.dtype)
    return np.asarray(rng.integers(*(port.range or _SMALL), array.shape, endpoint=True), array.dtype)


def _by_turns(array: Array, low: int, high: int) -> Array:
    turns = np.arange(array.size).reshape(array.shape) % 2
    return np.where(turns, low, high).astype(array.dtype)


_CHANGES: tuple[Callable[[Array, Port], Array], ...] = (_mirrored, _louder, _silent, _constant, _random)
