"""Train a network by a recipe, a task with real data or a TOML file of your own, and keep the best in a run folder.

The folder gets the weights, `config.json`, `metrics.jsonl`, a line an epoch with losses, metrics, gradient norms and
dead units, and `training.html`: curves, and what was taken for what. A training that was interrupted goes on with
`--resume` and ends as it would have without.

With `--from` and `--quantize`, fine-tune a trained network to be right with weights of few bits, for `rnnedge export
--precision`. With `--range-test`, find a learning rate; with `--search`, other numbers too.

**Examples:**

- `rnnedge train speech -o runs/speech`  then  `rnnedge export runs/speech -o speech.onnx`
- `rnnedge train my.toml -o runs/mine --set training.epochs=20 --set network.cell=lstm --tensorboard`
- `rnnedge train speech --show-recipe > my.toml`
- `rnnedge train speech --from runs/speech --quantize int4 -o runs/speech-int4`
- `torchrun --nproc-per-node 2 -m rnnedge train text -o runs/text`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnedge.cli._options import folder_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._recipe_argument import cells, changed, no_recipe
from rnnedge.cli._words import choice, completing

if TYPE_CHECKING:
    from rnnedge.recipes import Recipe
    from rnnedge.recipes._result import Run
    from rnnedge.training import SequenceData, TrainerConfig


def _recipes() -> list[str]:
    """Tasks, and the TOML files that lie here.

    Tasks by their recipes, since a shell does not wait for torch.
    """
    from importlib import resources

    tasks = [file.name for file in (resources.files("rnnedge.tasks") / "recipes").iterdir()]
    return [
        *sorted(name.removesuffix(".toml") for name in tasks if name.endswith(".toml")),
        *sorted(str(path) for path in Path().glob("*.toml")),
    ]


# Classes of a table that fits into a terminal.
_MOST_PRINTED = 10


def command(
    recipe: Annotated[
        str, typer.Argument(help="A task by name, see --list, or a TOML file.", autocompletion=completing(_recipes))
    ] = "",
    output: Annotated[Path | None, folder_option("-o", "--output", help="The run folder.")] = None,
    cell: Annotated[str | None, typer.Option(help="As --set network.cell=...: gru, lstm, rnn_tanh ...")] = None,
    hidden_size: Annotated[int | None, typer.Option(help="Units per layer.", min=1)] = None,
    num_layers: Annotated[int | None, typer.Option(help="Recurrent layers.", min=1)] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data (20 to fine-tune).", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Decides weights, order and noise.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Another value of a key of the recipe: training.k1=64.")
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", help="A run folder: start with its network.")] = None,
    quantize: Annotated[str | None, typer.Option(help="Fine-tune for weights in int8 or int4.")] = None,
    prune: Annotated[
        float | None, typer.Option(help="Fine-tune without this share of the weights, such as 0.5.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Curves for TensorBoard, in OUTPUT.")] = False,
    range_test: Annotated[
        bool, typer.Option("--range-test", help="Only find a learning rate; writes range-test.png to OUTPUT.")
    ] = False,
    search: Annotated[
        int, typer.Option(help="Train this many recipes that Optuna chooses, and keep the best in OUTPUT/best.", min=0)
    ] = 0,
    show_recipe: Annotated[bool, typer.Option("--show-recipe", help="Only print the recipe, as TOML.")] = False,
    list_tasks: Annotated[bool, typer.Option("--list", help="Only list the tasks.")] = False,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import print_json, tell, write
    from rnnedge.cli._outputs import check_named
    from rnnedge.recipes import find_recipe
    from rnnedge.recipes.recipe import parse_toml
    from rnnedge.tasks.catalogue import TASKS

    if list_tasks and json:
        print_json("tasks", {"tasks": {task.name: task.summary for task in TASKS.values()}})
        return
    if list_tasks:
        for task in TASKS.values():
            tell(f"{task.name:14}{task.summary}")
        return
    if recipe not in TASKS and (problem := no_recipe(recipe, TASKS)):
        raise typer.BadParameter(f"expected one of {', '.join(TASKS)}, or a TOML file, found {problem}")
    if cell is not None:
        choice(cell, cells(), "--cell")
    if show_recipe and json:
        print_json("recipe", {"recipe": parse_toml(find_recipe(recipe).origin.read_text(encoding="utf-8"))})
        return
    if show_recipe:
        write(find_recipe(recipe).origin.read_text(encoding="utf-8"))
        return
    if output is None:
        raise typer.BadParameter("expected a folder for the run, found none", param_hint="--output")
    check_named("--output", output)
    _check_start(source, quantize, prune, output)
    shape = {"cell": cell, "hidden_size": hidden_size, "num_layers": num_layers}
    network = {name: value for name, value in shape.items() if value is not None}
    for name in network if source is not None else ():
        raise typer.BadParameter(f"the network in {source} has its own", param_hint=f"--{name.replace('_', '-')}")
    training = {} if seed is None else {"seed": seed}
    chosen = changed(find_recipe(recipe), change or [], network, training)
    if range_test:
        from rnnedge.cli._tune_training import find_learning_rate

        find_learning_rate(chosen, output, json)
    elif search:
        from rnnedge.cli._tune_training import search_recipes

        search_recipes(chosen, output, search, epochs, json)
    else:
        _train(chosen, output, source, quantize, prune, epochs, resume, tensorboard, json)


def _train(
    recipe: Recipe,
    output: Path,
    source: Path | None,
    quantize: str | None,
    prune: float | None,
    epochs: int | None,
    resume: bool,
    tensorboard: bool,
    json: bool,
) -> None:
    from contextlib import ExitStack

    from rnnedge.cli._output import print_json, say
    from rnnedge.cli._training_progress import training_progress
    from rnnedge.recipes import finetune_run, train_recipe
    from rnnedge.training.distributed import joined
    from rnnedge.training.finetuning import EPOCHS
    from rnnedge.training.log import tensorboard as tensorboard_log
    from rnnedge_runtime.atomic import make_folder

    make_folder(output)
    if source is None and epochs is not None:
        recipe = recipe.changed({}, {"epochs": epochs})
    total = epochs or EPOCHS

    def plan(config: TrainerConfig, train: SequenceData) -> None:
        nonlocal total
        total = config.epochs
        if first:
            _say_plan(config, train)

    with ExitStack() as stack:
        group = stack.enter_context(joined(recipe.training.device))
        first = group.rank == 0
        curves = stack.enter_context(tensorboard_log(output / "tensorboard" if tensorboard and first else None))
        progress = stack.enter_context(training_progress(lambda: total, curves.record if curves else None, shown=first))
        how: dict[str, Any] = {"progress": progress, "resume": resume}
        if source is None:
            run = train_recipe(recipe, output, on_plan=plan, **how)
        else:
            how["prune"] = prune or 0.0
            run = finetune_run(recipe, source, output, quantize or "float32", epochs=epochs or EPOCHS, **how)
    if first and run.info.data:
        from rnnedge.data import DataSchema

        say(DataSchema.from_dict(run.info.data).summary())
    if first:
        print_json("train", _fields(run)) if json else _print(run)
        for remark in run.remarks:
            say(remark)
    if run.result.interrupted:
        say("the best network so far was saved; the same command with --resume goes on")
        raise KeyboardInterrupt


def _say_plan(config: TrainerConfig, train: SequenceData) -> None:
    """What the data decided: how many updates there will be."""
    from rnnedge.cli._output import counted, say
    from rnnedge.training._defaults import updates_per_epoch

    updates = counted(updates_per_epoch(config, train), "update")
    share = "lanes" if config.stateful else "sequences a batch"
    say(f"{counted(config.epochs, 'epoch')} of {updates}, {config.batch_size} {share}")


def _print(run: Run) -> None:
    from rnnedge.cli._output import print_table, tell
    from rnnedge.report.training_page import PAGE

    tell(f"{run.folder}: {run.sentence()}")
    if run.confusion and len(run.confusion) <= _MOST_PRINTED:
        rows = [(label, *counts) for label, counts in zip(run.info.labels, run.confusion, strict=True)]
        print_table("test data: what was taken for what", ("is", *run.info.labels), rows)
    tell(f"curves and more: {run.folder / PAGE}")


def _check_start(source: Path | None, quantize: str | None, prune: float | None, output: Path) -> None:
    """A network to start from is there to be fine-tuned, into another folder."""
    from rnnedge.training.quantization import PRECISIONS

    if quantize is not None:
        choice(quantize, PRECISIONS, "--quantize")
    if quantize is not None and source is None:
        raise typer.BadParameter("expected a trained network, by --from, found none", param_hint="--quantize")
    if prune is not None and not 0 < prune < 1:
        raise typer.BadParameter(f"expected a share above 0 and below 1, found {prune}", param_hint="--prune")
    if prune is not None and source is None:
        raise typer.BadParameter("expected a trained network, by --from, found none", param_hint="--prune")
    if prune is not None and quantize is not None:
        raise typer.BadParameter("expected one of --prune and --quantize, found both", param_hint="--prune")
    if source is not None and quantize is None and prune is None:
        words = "expected what to fine-tune for, by --quantize or --prune, found nothing"
        raise typer.BadParameter(words, param_hint="--from")
    if source is not None and source.resolve() == output.resolve():
        raise typer.BadParameter(f"expected another folder than --output, found {source}", param_hint="--from")


def _fields(run: Run) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "folder": str(run.folder),
        **run.metrics,
        "epochs": len(run.result.epochs),
        "best_epoch": run.result.best,
        "interrupted": run.result.interrupted,
        "guess": dict(run.guess),
        "labels": list(run.info.labels),
        "confusion": run.confusion,
        "remarks": run.remarks,
    }
    if run.info.pruned:
        fields["pruned"] = run.info.pruned
    if run.rounded:
        before = {f"{name}_before": value for name, value in run.rounded.items()}
        fields |= {"quantized_for": run.info.quantized_for, **before}
    return fields
