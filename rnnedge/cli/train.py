"""Train a network on a task with real data, and keep the best of it in a run folder.

With `--from` and `--quantize`, fine-tune a trained network to be right with weights of few bits, for `rnnedge export
--precision`. A training that was interrupted goes on with `--resume` and ends as it would have without.

**Examples:**

- `rnnedge train speech -o runs/speech`  then  `rnnedge export runs/speech -o speech.onnx`
- `rnnedge train speech --from runs/speech --quantize int4 -o runs/speech-int4`
- `rnnedge train speech -o runs/speech --resume`
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnedge.cli.output import JsonOption

if TYPE_CHECKING:
    from rnnedge.tasks.speech import SpeechRun
    from rnnedge.training import Epoch

_EPOCHS = 100


def command(
    task: Annotated[str, typer.Argument(help="The task: speech (nine speakers from 12 LPC coefficients).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for weights and config.json.")],
    cell: Annotated[str | None, typer.Option(help="gru, lstm, rnn_tanh, rnn_relu or rnn_sigmoid (gru).")] = None,
    hidden_size: Annotated[int | None, typer.Option(help="Units per layer (64).", min=1)] = None,
    num_layers: Annotated[int | None, typer.Option(help="Recurrent layers (1).", min=1)] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training data (100; 20 to fine-tune).", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides weights, order and noise.")] = 0,
    source: Annotated[Path | None, typer.Option("--from", help="A run folder: start with its network.")] = None,
    quantize: Annotated[str | None, typer.Option(help="Fine-tune for weights in int8 or int4.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training that was interrupted.")] = False,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli.output import print_json, say

    if task != "speech":
        raise typer.BadParameter(f"expected speech, found {task!r}", param_hint="TASK")
    _check_start(source, quantize, output)
    from rnnedge.training.finetuning import EPOCHS
    from rnnedge_runtime.atomic import make_folder

    shape = {"cell": cell, "hidden_size": hidden_size, "num_layers": num_layers}
    given: dict[str, Any] = {name: value for name, value in shape.items() if value is not None}
    _check_shape(given, source)
    make_folder(output)
    epochs = epochs or (_EPOCHS if source is None else EPOCHS)
    with _progress(epochs) as progress:
        how: dict[str, Any] = {"epochs": epochs, "seed": seed, "progress": progress, "resume": resume}
        if source is None or quantize is None:
            from rnnedge.tasks.speech import train_speech

            run = train_speech(output, **given, **how)
        else:
            from rnnedge.tasks.speech import finetune_speech

            run = finetune_speech(source, output, quantize, **how)
    if json:
        print_json("train", _fields(run, quantize))
    else:
        print(_sentence(run, quantize))
    if run.result.interrupted:
        say("the best network so far was saved; the same command with --resume goes on")
        raise KeyboardInterrupt


def _check_start(source: Path | None, quantize: str | None, output: Path) -> None:
    """A network to start from is there to be fine-tuned, into another folder."""
    from rnnedge.training.quantization import PRECISIONS

    if quantize is not None and quantize not in PRECISIONS:
        raise typer.BadParameter(
            f"expected one of {', '.join(PRECISIONS)}, found {quantize!r}", param_hint="--quantize"
        )
    if quantize is not None and source is None:
        raise typer.BadParameter("expected a trained network, by --from, found none", param_hint="--quantize")
    if source is not None and quantize is None:
        raise typer.BadParameter("expected what to fine-tune for, by --quantize, found nothing", param_hint="--from")
    if source is not None and source.resolve() == output.resolve():
        raise typer.BadParameter(f"expected another folder than --output, found {source}", param_hint="--from")


def _check_shape(given: dict[str, Any], source: Path | None) -> None:
    """A network that is made anew has a cell that exists; one that is there has its shape already."""
    from rnnedge.nn import CELLS

    if source is not None:
        for name in given:
            raise typer.BadParameter(f"the network in {source} has its own", param_hint=f"--{name.replace('_', '-')}")
    if given.get("cell", CELLS[0]) not in CELLS:
        raise typer.BadParameter(f"expected one of {', '.join(CELLS)}, found {given['cell']!r}", param_hint="--cell")


def _fields(run: SpeechRun, quantize: str | None) -> dict[str, Any]:
    fields = {
        "folder": str(run.folder),
        "test_accuracy": run.test_accuracy,
        "epochs": len(run.result.epochs),
        "best_epoch": run.result.best,
        "interrupted": run.result.interrupted,
    }
    if quantize is not None:
        fields |= {"quantized_for": quantize, "test_accuracy_before": run.rounded_accuracy}
    return fields


def _sentence(run: SpeechRun, quantize: str | None) -> str:
    epochs = f"best of {len(run.result.epochs)} epochs: {run.result.best or 'none, as it was'}"
    if quantize is None:
        return f"{run.folder}: test accuracy {run.test_accuracy:.1%}, {epochs}"
    before = f"{run.rounded_accuracy:.1%} before fine-tuning"
    return f"{run.folder}: test accuracy {run.test_accuracy:.1%} in {quantize}, {before}, {epochs}"


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
            progress.update(
                task, completed=epoch.number, description=f"held-out loss {epoch.validation_loss:.3f}{accuracy}"
            )

        yield advance
