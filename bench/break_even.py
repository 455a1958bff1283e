"""`python -m bench.break_even cuda`: from how many streams on another provider is ahead of the CPU.

One frame of one stream is far too little work for a GPU: what it costs there is the way to it and back. A pool shares
that way, so there is a number of streams from which on the GPU is ahead; it is a figure of the machine, to be measured.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import nn

import rnnedge
from rnnedge_runtime.errors import ProviderError
from rnnedge_runtime.measure import percentile, side_by_side

SIZES = (1, 4, 16, 64, 256, 1024)


def main(
    provider: Annotated[str, typer.Argument(help="The provider beside cpu.")] = "cuda",
    input_size: Annotated[int, typer.Option(min=1)] = 64,
    hidden_size: Annotated[int, typer.Option(min=1)] = 256,
) -> None:
    """Time one frame of every stream of pools of several sizes on both providers."""
    torch.manual_seed(0)
    ahead = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lstm.onnx"
        module = nn.LSTM(input_size, hidden_size, batch_first=True).eval()
        rnnedge.export(module, torch.zeros(1, 4, input_size), path)
        try:
            models = {name: rnnedge.load(path, provider=name, trust="local") for name in ("cpu", provider)}
        except ProviderError as error:
            print(error)
            raise typer.Exit(error.exit_code) from None
        frame = np.random.default_rng(0).standard_normal((1, input_size), np.float32)
        print(f"LSTM, {input_size} features in, {hidden_size} units: microseconds per stream-step")
        for size in SIZES:
            calls = {}
            for name, model in models.items():
                pool = model.pool(size)
                calls[name] = partial(pool.push, {pool.join(): frame for _ in range(size)})
            step_us = {n: percentile(t, 50) / size for n, t in side_by_side(calls, rounds=10, calls=20).items()}
            if ahead is None and step_us[provider] < step_us["cpu"]:
                ahead = size
            print(f"  {size:5} streams  " + "  ".join(f"{name} {value:8.2f}" for name, value in step_us.items()))
    print(f"break-even: {'none of these' if ahead is None else f'{ahead} streams'}")


if __name__ == "__main__":
    typer.run(main)
