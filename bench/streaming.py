"""The example networks, streamed: rnnedge, versions written by hand, and others that convert by themselves.

Usage: python -m bench.streaming
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

import rnnedge
from bench.by_hand import BY_HAND
from bench.pages import machine, publish, table
from bench.streaming_peers import PEERS, Step
from examples.networks import NETWORKS
from rnnedge.baselines._frame_steps import one_torch_thread, plain_export
from rnnedge_runtime.contract import Array
from rnnedge_runtime.measure import percentile, side_by_side

_NAMES = (
    "keyword-spotter", "noise-suppressor", "temporal-convolutions", "dual-path", "speaker-encoder", "forecaster",
)  # fmt: skip
_TOLERANCE = 1e-4


def measure(name: str, folder: Path, rounds: int) -> list[tuple[str, ...]]:
    """Table rows of one network: contender, taken or why not, largest error, microseconds a call, ratio."""
    case = NETWORKS[name]
    module, example = case.build()
    frames = torch.randn(1, 160, *example.shape[2:]).numpy()
    with torch.no_grad():
        expected = module(torch.from_numpy(frames))
    calls: dict[str, Callable[[], object]] = {}
    errors: dict[str, float] = {}
    refused: dict[str, str] = {}
    first = None
    for form in ("native", "step"):
        path = folder / f"{form}.onnx"
        rnnedge.export(module, example, path, form=form, frame_rate_hz=case.frame_rate_hz)
        model = rnnedge.load(path)
        hop = model.contract.unit
        frame = frames[0, :hop].copy()
        calls[f"rnnedge, {form}"] = partial(model.stream().push, frame)
        found = model.run(frames[0])
        first = found if isinstance(found, dict) else {"y": found}
        whole = expected if isinstance(expected, dict) else {"y": expected}
        errors[f"rnnedge, {form}"] = max(float(np.abs(first[k] - whole[k][0].numpy()).max()) for k in first)
    if name in BY_HAND:
        streaming = BY_HAND[name](module).eval()
        step = plain_export(
            streaming, streaming.state, tuple(example.shape[2:]), folder / "hand.onnx", frames=streaming.hop
        )
        joined = torch.cat(list(whole.values()), -1)
        errors["by hand, session.run"] = _error(step, 0, frames[0], streaming.hop, joined)
        calls["by hand, session.run"] = partial(step, frames[0, : streaming.hop].copy())
    for peer, convert in PEERS.items():
        if why := _refusal(peer, name, hop):
            refused[peer] = why
            continue
        try:
            step, delay = convert(module, example, hop, folder)
            errors[peer] = _error(step, delay, frames[0], hop, expected)
            calls[peer] = partial(step, frames[0, :hop].copy())
        # Every library refuses in types of its own, some in Rust panics.
        except BaseException as error:
            refused[peer] = _reason(error)
    with one_torch_thread():
        times = {n: percentile(v, 50) for n, v in side_by_side(calls, rounds=rounds, calls=30, warmup=5).items()}
    best = min(times[n] for n in times if n.startswith("rnnedge"))
    rows = [(name, n, _verdict(errors[n]), f"{errors[n]:.0e}", f"{t:.1f}", f"{t / best:.2f}") for n, t in times.items()]
    return rows + [(name, n, f"refused: {why}", "", "", "") for n, why in refused.items()]


def _refusal(peer: str, name: str, hop: int) -> str | None:
    """What a peer says in a process of its own, for some refuse by ending theirs."""
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        try:
            return fresh.submit(_tried, peer, name, hop).result()
        except BrokenProcessPool:
            return "ends the process (a panic)"


def _tried(peer: str, name: str, hop: int) -> str | None:
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    module, example = NETWORKS[name].build()
    with tempfile.TemporaryDirectory() as folder:
        try:
            PEERS[peer](module, example, hop, Path(folder))
        # Every library refuses in types of its own.
        except Exception as error:
            return _reason(error)
    return None


def _reason(error: BaseException) -> str:
    """The innermost cause that a message tells before its stack."""
    told = (str(error) or type(error).__name__).partition("Stack backtrace")[0]
    first, *_ = lines = [line.strip() for line in told.splitlines() if line.strip()]
    cause = lines[-1] if "Caused by:" in lines else ""
    return (first[:60] + ("; " + cause if cause else "")).replace("|", "/")


def _verdict(error: float) -> str:
    return "equal" if error <= _TOLERANCE else "**wrong**"


def _error(step: Step, delay: int, frames: Array, hop: int, expected: object) -> float:
    """Of the frames behind the delay; infinite where there are none to compare."""
    assert isinstance(expected, torch.Tensor)
    outs = [step(frames[t : t + hop]) for t in range(0, len(frames) // hop * hop, hop)]
    found = np.concatenate([out.reshape(-1, *expected.shape[2:]) for out in outs if out.size])[delay:]
    count = min(len(found), expected.shape[1])
    return float(np.abs(found[:count] - expected[0, :count].numpy()).max()) if count else float("inf")


def main(rounds: int = 30) -> None:
    """Measure, print and write the page."""
    warnings.simplefilter("ignore")
    heads = ("network", "contender", "", "largest error", "µs a call, median", "ratio to rnnedge's best")
    rows = []
    for name in _NAMES:
        print(f"measuring {name}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(name, Path(folder), rounds)
    print(table(heads, rows, words=3))
    host = machine("processor", "cores", "python", "onnxruntime")
    note = f"Measured by `make bench-streaming`, batch 1, float32, one thread, all contenders in turns: {host}."
    publish("streaming.md", table(heads, rows, words=3), note)


if __name__ == "__main__":
    main()
