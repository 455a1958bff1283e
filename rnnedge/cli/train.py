"""Train a network on a task with real data, and keep the best of it in a run folder.

**Example:**  `rnnedge train speech -o runs/speech`  then  `rnnedge export runs/speech -o speech.onnx`
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnedge.cli.output import JsonOption

if TYPE_CHECKING:
    from rnnedge.training import Epoch


def command(
    task: Annotated[str, typer.Argument(help="The task: speech (nine speakers from 12 LPC coefficients).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for weights and config.json.")],
    cell: Annotated[str, typer.Option(help="gru, lstm, rnn_tanh, rnn_relu or rnn_sigmoid.")] = "gru",
    hidden_size: Annotated[int, typer.Option(help="Units per layer.", min=1)] = 64,
    num_layers: Annotated[int, typer.Option(help="Recurrent layers.", min=1)] = 1,
    epochs: Annotated[int, typer.Option(help="Passes over the training data.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Decides weights, order and noise.")] = 0,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli.output import print_json, say

    if task != "speech":
        raise typer.BadParameter(f"expected speech, found {task!r}", param_hint="TASK")
    from rnnedge.nn import CELLS
    from rnnedge.tasks.speech import train_speech
    from rnnedge_runtime.atomic import make_folder

    if cell not in CELLS:
        raise typer.BadParameter(f"expected one of {', '.join(CELLS)}, found {cell!r}", param_hint="--cell")
    make_folder(output)
    with _progress(epochs) as progress:
        run = train_speech(
            output,
            cell=cell,
            hidden_size=hidden_size,
            num_layers=num_layers,
            epochs=epochs,
            seed=seed,
            progress=progress,
        )
    fields = {
        "folder": str(output),
        "test_accuracy": run.test_accuracy,
        "epochs": len(run.result.epochs),
        "best_epoch": run.result.best,
        "interrupted": run.result.interrupted,
    }
    if json:
        print_json("train", fields)
    else:
        epochs_run = f"best of {len(run.result.epochs)} epochs: {run.result.best}"
        print(f"{output}: test accuracy {run.test_accuracy:.1%}, {epochs_run}")
    if run.result.interrupted:
        say("the best network so far was saved")
        raise KeyboardInterrupt


@contextmanager
def _progress(epochs: int) -> Iterator[Callable[[Epoch], None] | None]:
    """A bar on stderr with the held-out loss and accuracy; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    words = TextColumn("{task.description}")
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), words)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=epochs)

        def advance(epoch: Epoch) -> None:
            accuracy = "" if epoch.accuracy is None else f", accuracy {epoch.accuracy:.1%}"
            progress.update(task, advance=1, description=f"held-out loss {epoch.validation_loss:.3f}{accuracy}")

        yield advance
