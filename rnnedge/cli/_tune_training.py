"""`rnnedge train --range-test` and `--search`: find the numbers to train with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnedge.recipes import Recipe
    from rnnedge.training import Epoch
    from rnnedge.training.search import Choice


def find_learning_rate(recipe: Recipe, output: Path, json: bool) -> None:
    """Print a learning rate for `recipe`, and draw how the loss depends on it."""
    import torch

    from rnnedge.cli._output import print_json, tell
    from rnnedge.nn import RecurrentNetwork
    from rnnedge.recipes._run import load_data, network_config, prepared
    from rnnedge.report.training import draw_range_test
    from rnnedge.training.lr_finder import range_test
    from rnnedge_runtime.atomic import make_folder

    splits = load_data(recipe)
    torch.manual_seed(recipe.training.seed)
    network = RecurrentNetwork(network_config(recipe, splits))
    found = range_test(network, prepared(recipe, splits.train, splits.train), recipe.training)
    picture = draw_range_test(found, make_folder(output) / "range-test.png")
    if json:
        print_json("train", {"learning_rate": found.suggestion, "limit": found.limit, "picture": str(picture)})
        return
    tell(f"learning rate: {found.suggestion:.2g}; above {found.limit:.2g} the loss grows; see {picture}")


def search_recipes(recipe: Recipe, output: Path, trials: int, epochs: int | None, json: bool) -> None:
    """Train `trials` variants of `recipe`; the best one's run is `output`/best, and `output` has what was tried."""
    from rnnedge.cli._output import print_json, say, tell
    from rnnedge.recipes import train_recipe
    from rnnedge.training.search import search
    from rnnedge_runtime.atomic import make_folder

    if epochs is not None:
        recipe = recipe.changed({}, {"epochs": epochs})

    def one_trial(number: int, choice: Choice, progress: Callable[[Epoch], None]) -> float:
        run = train_recipe(recipe.changed(choice.network, choice.training), output / "trial", progress=progress)
        if run.result.interrupted:
            raise KeyboardInterrupt
        loss = min([run.result.start_loss, *(epoch.validation_loss for epoch in run.result.epochs)])
        say(f"trial {number}: held-out loss {loss:.4g}, {choice.network | choice.training}")
        return loss

    found = search(one_trial, make_folder(output), trials, recipe.training.seed)
    best = train_recipe(recipe.changed(found.best.network, found.best.training), output / "best")
    if json:
        print_json("train", {**asdict(found), "folder": str(best.folder), **best.metrics})
        return
    numbers = ", ".join(f"{k} {v:.3g}" for k, v in (found.best.network | found.best.training).items())
    tell(f"{best.folder}: best of {found.trials} trials ({found.pruned} ended early): {numbers}")
