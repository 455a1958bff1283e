"""How fast training is: an epoch of the text task beside one written by hand, minGRU beside torch's GRU.

`python -m bench.train` writes docs/figures/train.md. Epochs and steps of both sides are taken in turns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time

import torch
from torch import Tensor, nn

from bench.pages import publish, table
from bench.text_by_hand import epochs
from rnnedge.nn import RecurrentNetwork
from rnnedge.nn.cells import Cell, build_cell
from rnnedge.recipes import find_recipe
from rnnedge.recipes._run import load_data, network_config
from rnnedge.training import Epoch, SequenceData, fit

EPOCHS = 3
FRAMES, BATCH, STEPS = 1000, 16, 7
SIZES = (64, 128)


def main() -> None:
    """Measure both, print, publish."""
    ours, by_hand = text_epochs()
    what, ratio = "an epoch of the text task, CPU seconds", f"{by_hand / ours:.2f}x as fast"
    rows = [(what, f"{by_hand:.1f}", f"{ours:.1f}", ratio)]
    for cell in ("mingru", "minlstm", "lru"):
        for size in SIZES:
            rival = "lstm" if cell == "minlstm" else "gru"
            seconds = steps({name: step(name, size) for name in (rival, cell)})
            what = f"a step of {cell}({size}, {size}), {FRAMES:,} frames, {BATCH} sequences, ms; beside {rival}"
            times = (f"{seconds[name] * 1e3:.0f}" for name in (rival, cell))
            rows.append((what, *times, f"{seconds[rival] / seconds[cell]:.1f}x"))
            print(*rows[-1], flush=True)
    threads = f"Medians, in turns, {torch.get_num_threads()} thread. Computed by `python -m bench.train`."
    publish("train.md", table(("what", "by hand, or torch's", "ours", "ratio"), rows), threads)


def text_epochs() -> tuple[float, float]:
    """CPU seconds of an epoch of `fit` with the recipe, and of the loop written by hand."""
    recipe = find_recipe("text")
    splits = load_data(recipe)
    torch.manual_seed(0)
    network = RecurrentNetwork(network_config(recipe, splits))
    loop, theirs, ours = epochs(EPOCHS, recipe.training.epochs), [], []
    few = SequenceData((splits.validation.frames[0][:100],), (splits.validation.targets[0][:100],))
    last = process_time()

    def turn(epoch: Epoch) -> None:
        nonlocal last
        ours.append(process_time() - last)
        theirs.append(next(loop)[0])
        print(f"epoch {epoch.number}: ours {ours[-1]:.1f} s, by hand {theirs[-1]:.1f} s", file=sys.stderr)
        last = process_time()
        if epoch.number == EPOCHS:
            raise KeyboardInterrupt

    fit(network, splits.train, few, recipe.training, progress=turn)
    return median(ours), median(theirs)


def step(cell: str, size: int) -> Callable[[], None]:
    """Forward and backward of one layer over `FRAMES` frames."""
    layer: nn.Module = build_cell(size, Cell(cell, size))
    x = torch.randn(BATCH, FRAMES, size)

    def run() -> None:
        layer.zero_grad()
        y: Tensor = layer(x)[0]
        y.square().mean().backward()  # type: ignore[no-untyped-call]

    return run


def steps(calls: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median seconds of each, in turns."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(STEPS + 1):
        for name, call in calls.items():
            started = perf_counter()
            call()
            found[name].append(perf_counter() - started)
    return {name: median(values[1:]) for name, values in found.items()}


if __name__ == "__main__":
    main()
