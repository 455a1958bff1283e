"""What machine code has to share with onnxruntime besides its numbers: snapshots, and the rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ctypes import CFUNCTYPE, c_void_p

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification import Check, Tolerance
from rnnedge_export.verification.comparison import Comparison, Worst, worst_of
from rnnedge_export.verification.token_signals import vocabulary
from rnnedge_runtime.binding import Binding
from rnnedge_runtime.context import initial_contexts
from rnnedge_runtime.contract import Array
from rnnedge_runtime.engines.native._engine import NativeEngine
from rnnedge_runtime.engines.native._structs import HeldStates
from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model
from rnnedge_runtime.state_buffers import StateBuffers
from rnnedge_runtime.stream import Stream

_SEED, _CALLS = 50, 12


def snapshots(native: Model, plain: Model, reference: Reference, tolerance: Tolerance | None) -> Check:
    """A stream goes on in the other engine, from either one, with frames that wait; and states that were given."""
    unit = native.contract.unit
    time = reference.lengths.at_least(_CALLS * unit + unit // 2)
    frames = reference.frames(1, time, np.random.default_rng(_SEED))
    compare, cut = Comparison(native, reference, tolerance), _CALLS // 2 * unit + unit // 2
    expected = reference(frames)
    worst = worst_of(
        compare.of(frames, _over(one.stream(), other.stream(), frames, cut), expected)
        for one, other in ((native, plain), (plain, native))
    )
    return _check("snapshots", "from machine code to onnxruntime, and back", worst)


def _over(first: Stream, second: Stream, frames: dict[str, Array], cut: int) -> dict[str, Array]:
    """The first frames in one stream, the others in another one, (1, time, ...) by output."""
    one = {name: array[0] for name, array in frames.items()}
    contract = first.contract
    parts = [named(contract, first.push({name: array[:cut] for name, array in one.items()}))]
    second.restore(first.snapshot())
    parts += [named(contract, second.push({name: array[cut:] for name, array in one.items()}))]
    parts += [named(contract, second.finish())]
    return {name: np.concatenate([part[name] for part in parts])[None] for name in parts[0]}


def rows(native: Model, reference: Reference, tolerance: Tolerance | None) -> Check:
    """The number after the last one that the file takes is refused, as onnxruntime refuses it, and leaves no trace.

    Numbers below 0 are those of onnxruntime, which counts them from the end, unless the file takes none.
    """
    worst, unit, compare = Worst(), native.contract.unit, Comparison(native, reference, tolerance)
    for port in native.contract.inputs:
        size = None if port.dtype.startswith("float") else vocabulary(reference, port.name)
        if size is None:
            continue
        frames = reference.frames(1, reference.lengths.at_least(_CALLS * unit), np.random.default_rng(_SEED))
        if port.range is None or port.range[0] < 0:
            last = {**frames, port.name: np.full_like(frames[port.name], -1)}
            worst = worst_of([worst, compare.of(last, compare.stream(last), reference.raw(last))])
        stream, cut = native.stream(), _CALLS // 2 * unit
        one = {name: array[0] for name, array in frames.items()}
        parts = [named(native.contract, stream.push({name: array[:cut] for name, array in one.items()}))]
        try:
            stream.push({**one, port.name: np.full_like(one[port.name], size)})
        except RnnEdgeError:
            parts += [named(native.contract, stream.push({name: array[cut:] for name, array in one.items()}))]
            parts += [named(native.contract, stream.finish())]
            found = {name: np.concatenate([part[name] for part in parts])[None] for name in parts[0]}
            worst = worst_of([worst, compare.of(frames, found)])
            continue
        worst = Worst(np.inf, np.inf, value=f"input {port.name!r}: {size} is no row of its table, and was taken")
    return _check("rows", "a number of no row is refused, and leaves the stream as it was", worst)


def resets(native: Model) -> Check:
    """The C function `reset`, which a program without our runtime calls: what comes after it is as at the beginning."""
    engine, contract = native.loaded.engine, native.contract
    assert isinstance(engine, NativeEngine)
    worst = Worst()
    for batch in engine.library.batches:
        # A reset leaves what a program has set.
        context = {name: _other(array) for name, array in initial_contexts(contract).items()}
        states = StateBuffers(engine, contract.states, batch, context)
        binding = Binding(engine, contract, states, batch, engine.stop(limited=False), contract.unit)
        held = next((one for one in states.inputs(0).values() if isinstance(one, HeldStates)), None)
        if held is None:
            break
        expected = _stepped(native, batch, context)
        _called(binding)
        for block in held.structs.blocks:
            CFUNCTYPE(None, c_void_p)(block.program.reset)(block.at)
        if not np.array_equal(_called(binding), expected, equal_nan=True):
            worst = Worst(np.inf, np.inf, value=f"in a batch of {batch}, what comes after a reset is something else")
    return _check("reset in C", "as a stream from its beginning", worst)


def _called(binding: Binding) -> Array:
    """Per-frame outputs of a few calls, as C gives them."""
    found = []
    for number, frames in enumerate(_frames(binding.views)):
        for name, view in binding.views.items():
            view[...] = frames[name]
        binding.place(number * binding.frames, None)
        binding.calls[0]()
        found += [np.array(out.view, np.float64).ravel() for out in binding.outs if out.port.per_frame]
    return np.concatenate(found or [np.zeros(0)])


def _other(array: Array) -> Array:
    """Another context; of whole numbers the same, since they may be rows of a table."""
    return array * array.dtype.type(1.5) + array.dtype.type(0.25) if array.dtype.kind == "f" else array


def _stepped(native: Model, batch: int, context: Mapping[str, Array]) -> Array:
    """The same, as a stream gives them."""
    stream, found = native.stream(batch, context=context), []
    shown = [port.name for port in native.contract.outputs if port.per_frame]
    for frames in _frames(stream.inputs):
        for name, view in stream.inputs.items():
            view[...] = frames[name]
        stream.step()
        found += [np.array(stream.outputs[name], np.float64).ravel() for name in shown]
    return np.concatenate(found or [np.zeros(0)])


def _frames(views: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    rng = np.random.default_rng(_SEED)
    for _ in range(_CALLS):
        frames = {name: np.zeros(view.shape, view.dtype) for name, view in views.items()}
        for array in frames.values():
            if array.dtype.kind == "f":
                array[...] = rng.standard_normal(array.shape)
        yield frames


def _check(name: str, detail: str, worst: Worst) -> Check:
    return Check(name, detail, worst.error, worst.tolerance, worst.scale, worst.place)
