"""How training is shown while it lasts: a bar on stderr, and nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnedge.training import Epoch

Progress = Callable[["Epoch"], None]


@contextmanager
def training_progress(
    epochs: Callable[[], int], also: Progress | None = None, *, shown: bool = True
) -> Iterator[Progress | None]:
    """A bar with the held-out loss and metrics; `also` sees every epoch too. `epochs()`: how many there will be."""
    if not shown or not sys.stderr.isatty():
        yield also
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    words = TextColumn("{task.description}", markup=False)
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), words)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=None)

        def advance(epoch: Epoch) -> None:
            progress.update(task, total=epochs(), completed=epoch.number, description=describe(epoch))
            if also is not None:
                also(epoch)

        yield advance


def describe(epoch: Epoch) -> str:
    """One line about an epoch, with a word on units that do nothing."""
    metrics = [f"{name} {value:.4g}" for name, value in epoch.metrics.items()]
    dead = [f"{max(epoch.dead):.0%} dead units"] if epoch.dead and max(epoch.dead) > 0 else []
    return ", ".join([f"held-out loss {epoch.validation_loss:.4g}", *metrics, *dead])
