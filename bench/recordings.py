"""What a frame costs the native engine by itself, in pushes of many, and in a whole recording; and others beside it.

Usage: python -m bench.recordings   (writes docs/figures/recordings.md)

The bounds of a layer: its multiply-adds at the rate that this core reaches in registers, and one reading of its
recurrent weights a frame from where they lie; those of the input are read once for many frames.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

import rnnedge
from bench.native.bounds import flop_per_ns, reading
from bench.pages import machine, publish, table, us
from examples.networks import NETWORKS
from rnnedge import Model, ProviderError
from rnnedge_runtime.engines.onnx_runtime import onnxruntime

_FRAMES, _MANY, _ROUNDS, _SECONDS = 2_000, 64, 5, 0.4
# Recordings at once, frames of each of them, and least calls of a file that takes many at a time.
_BATCH, _OF_BATCH, _LEAST_UNITS = 16, 500, 20
_LAYERS = (("LSTM", 40, 64), ("GRU", 40, 64), ("LSTM", 64, 128), ("GRU", 64, 256), ("LSTM", 80, 512))
_OTHERS = ("onnxruntime", "PyTorch", "OpenVINO")
_RATIOS = ("of the best other", "multiply-adds", "reading")
# In float32 as the others: by itself it takes bfloat16 where the processor has it.
_OPENVINO = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
_GATES = {"LSTM": 4, "GRU": 3}


class Case(NamedTuple):
    """A network, its example, its axis of time, and of a layer the multiply-adds and recurrent weights of a frame."""

    name: str
    module: nn.Module
    example: torch.Tensor
    time_axis: int
    sums: int = 0
    weights: int = 0


def main() -> None:
    """Measure; print and publish."""
    torch.set_num_threads(1)
    rows, batches = [], []
    with tempfile.TemporaryDirectory(prefix="rnnedge-recordings-") as folder:
        place = Path(folder)
        rate = flop_per_ns(place)
        for case in _cases():
            rows.append(_row(case, place, rate))
            print(*rows[-1], flush=True)
            batches += _batch(case, place)
            print(*batches[-1:], flush=True)
    heads = (
        "network",
        "step",
        "push of 1",
        f"push of {_MANY}",
        "whole recording",
        "onnxruntime",
        "PyTorch",
        "OpenVINO",
    )
    figures = table((*heads, "of the best other", "multiply-adds", "reading"), rows)
    note = (
        f"Microseconds a frame, least of at least {_ROUNDS} turns, one core; a recording has {_FRAMES:,} frames. The "
        f"last two are bounds of layers. By `python -m bench.recordings`: {machine('processor', 'cores', 'load')}."
    )
    heads = ("network", "native engine", "onnxruntime", "PyTorch", "of the best other")
    together = f"**{_BATCH} recordings at once**, microseconds a frame of one of them, where the file takes any batch."
    publish("recordings.md", figures, note, together, table(heads, batches))


def _cases() -> Iterator[Case]:
    for cell, features, units in _LAYERS:
        layer = getattr(nn, cell)(features, units, batch_first=True)
        along = _GATES[cell] * units * units
        sums = along + _GATES[cell] * units * features
        yield Case(f"{cell}({features}, {units})", layer, torch.randn(1, 20, features), 1, sums, along)
    for name, one in NETWORKS.items():
        yield Case(name, *one.build(), one.time_axis)


def _row(case: Case, folder: Path, rate: float) -> tuple[str, ...]:
    path, module = folder / "net.onnx", case.module.eval()
    rnnedge.export(module, case.example, path, form="native", time_axis=case.time_axis)
    native = _native(path) or _of_steps(case, folder)
    unit = native.contract.unit
    most = _FRAMES // unit * unit
    shape = list(case.example.shape)
    shape[case.time_axis] = most
    whole = torch.randn(shape) if case.example.dtype.is_floating_point else torch.zeros(shape, dtype=torch.int64)
    frames = np.moveaxis(whole.numpy()[0], case.time_axis - 1, 0)
    ours = {count: _push(native, frames[: max(1, count // unit) * unit]) for count in (1, _MANY, most)}
    others = [_push(rnnedge.load(path), frames), _torch(module, whole, most), _openvino(path, native, frames)]
    best = min(time for time in others if time is not None)
    bounds = (
        (2 * case.sums / rate / 1e3, _least(reading(4 * case.weights, folder)) / 1e3) if case.sums else (None, None)
    )
    lasts = (ours[most], *others)
    return (
        case.name,
        us(_step(native) / unit),
        us(ours[1]),
        us(ours[_MANY]),
        *map(us, lasts),
        f"{ours[most] / best:.2f}",
        *map(us, bounds),
    )


def _native(path: Path) -> Model | None:
    """None where the file has an operator that the native engine has no rule for."""
    try:
        return rnnedge.load(path, provider="native")
    except ProviderError as error:
        print(error)
        return None


def _of_steps(case: Case, folder: Path) -> Model:
    """In the form of single frames, which has no loop."""
    path = folder / "steps.onnx"
    rnnedge.export(case.module, case.example, path, form="step", time_axis=case.time_axis)
    return rnnedge.load(path, provider="native")


def _batch(case: Case, folder: Path) -> list[tuple[str, ...]]:
    """A row, or none where the file is for one sequence. The file is that of `_row`."""
    plain = rnnedge.load(folder / "net.onnx")
    contract, shape = plain.contract, list(case.example.shape)
    if contract.batch is not None or not case.example.dtype.is_floating_point:
        return []
    frames = max(_LEAST_UNITS, _OF_BATCH // contract.unit) * contract.unit
    shape[0], shape[case.time_axis] = _BATCH, frames
    whole = torch.randn(shape)
    given = np.moveaxis(whole.numpy(), case.time_axis, 1)
    native = _native(folder / "net.onnx") or _of_steps(case, folder)

    def pushed(model: Model) -> float:
        stream = model.stream(batch=_BATCH)
        return _least(lambda: stream.push(given)) / frames / _BATCH / 1e3

    ours, others = pushed(native), (pushed(plain), _torch(case.module, whole, frames * _BATCH))
    return [(case.name, us(ours), *map(us, others), f"{ours / min(others):.2f}")]


def _step(model: Model) -> float:
    stream = model.stream()

    def steps() -> None:
        for _ in range(100):
            stream.step()

    return _least(steps) / 100 / 1e3


def _push(model: Model, frames: np.ndarray[Any, Any]) -> float:
    """Microseconds a frame of pushes of all of these."""
    stream = model.stream()
    return _least(lambda: stream.push(frames)) / len(frames) / 1e3


def _torch(module: nn.Module, whole: torch.Tensor, frames: int) -> float:
    with torch.inference_mode():
        return _least(lambda: module(whole)) / frames / 1e3


def _openvino(path: Path, model: Model, frames: np.ndarray[Any, Any]) -> float | None:
    """The file as it is, all frames in one call; None where OpenVINO is not installed, or does not take it."""
    if importlib.util.find_spec("openvino") is None:
        return None
    import openvino  # type: ignore[import-not-found]

    core = openvino.Core()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    try:
        compiled = core.compile_model(core.read_model(path), "CPU", _OPENVINO)
        port, given = model.contract.inputs[0], {}
        for one in session.get_inputs():
            size = [dim if isinstance(dim, int) else 1 for dim in one.shape]
            given[one.name] = np.zeros(size, np.float32)
        assert port.time_axis is not None
        given[port.name] = np.moveaxis(frames[None], (0, 1), (port.batch_axis, port.time_axis))
        request = compiled.create_infer_request()
        expected = model.run(frames)
        # A file of one frame a call answers with one.
        if isinstance(expected, np.ndarray) and request.infer(given)[0].size != expected.size:
            raise ValueError(f"expected an output of {expected.size} numbers, found {request.infer(given)[0].size}")
        return _least(lambda: request.infer(given)) / len(frames) / 1e3
    # What it cannot take it says in a dozen ways.
    except Exception as error:
        print(f"OpenVINO: {error}")
        return None


def _least(run: Callable[[], object]) -> float:
    """Nanoseconds of the fastest run of several."""
    run()
    least, begun, rounds = float("inf"), time.perf_counter(), 0
    while rounds < _ROUNDS or time.perf_counter() - begun < _SECONDS:
        before = time.perf_counter_ns()
        run()
        least, rounds = min(least, time.perf_counter_ns() - before), rounds + 1
    return least


if __name__ == "__main__":
    main()
