"""From a recipe to a run folder: sizes come from the data, values keep their units, tokens have an embedding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch

from rnnedge.recipes import Recipe
from rnnedge.recipes._run import STATE, finetune_run, load_data, network_config, train_recipe
from rnnedge.sources import load_source
from rnnedge.tasks import catalogue
from rnnedge.tasks._task import Task
from rnnedge.training import SequenceData, TrainerConfig, load_checkpoint
from rnnedge.training.log import read_log
from rnnedge.training.splits import Splits
from rnnedge_runtime import InputError, load

MEAN, STD = 500.0, 20.0


def values(seed: int, count: int = 40) -> SequenceData:
    """The running mean of a signal, in units of a thermometer that begins at 500."""
    x = np.random.default_rng(seed).standard_normal((count, 12, 1)).astype(np.float32)
    y = MEAN + STD * x.cumsum(1) / np.arange(1, 13)[:, None] ** 0.5
    return SequenceData(tuple(x), tuple(y.astype(np.float32)))


def letters(seed: int) -> SequenceData:
    """Texts of a, b, c in turn, from any of them; the next letter is asked for."""
    starts = np.random.default_rng(seed).integers(0, 3, 12)
    texts = [(np.arange(41) + s) % 3 for s in starts]
    return SequenceData(tuple(t[:-1] for t in texts), tuple(t[1:] for t in texts), ("a", "b", "c"))


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recipe]:
    """A recipe for a task that is made here: "values" or "letters"."""
    for name, make in (("values", values), ("letters", letters)):
        task = Task(name, "", lambda _, make=make: Splits(make(1), make(2), make(3), 100.0))  # type: ignore[misc]
        monkeypatch.setitem(catalogue.TASKS, name, task)

    def made(task: str, network: dict[str, Any] | None = None, **training: Any) -> Recipe:
        base = {"epochs": 15, "batch_size": 8, "learning_rate": 2e-2, "loss": "mse"}
        config = TrainerConfig(**{**base, **training})
        return Recipe(task, {}, {"hidden_size": 12, **(network or {})}, config, Path("recipe.toml"))

    return made


@pytest.mark.parametrize(
    "training", [{}, {"loss": "nll"}, {"loss": "mae"}, {"loss": "quantile", "quantiles": (0.1, 0.5, 0.9)}]
)
def test_values_are_learned_and_given_in_their_units(
    training: dict[str, Any], recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    """Values around 500: the error is a part of their spread, and the file on the device gives them as they are."""
    run = train_recipe(recipe("values", **training), tmp_path / "run")
    assert run.metrics["test_mae"] < 0.5 * STD
    source = load_source(str(tmp_path / "run"))
    assert source.frame_rate_hz == 100.0
    quickly.export(source.module, source.example, tmp_path / "m.onnx")
    y = load(tmp_path / "m.onnx").run(values(3).frames[0])
    column = 1 if training.get("loss") == "quantile" else 0
    assert np.abs(y[:, column] - values(3).targets[0][:, 0]).mean() < 0.5 * STD


def test_likelihoods_and_quantiles_are_right_in_their_units(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    """About as many values lie below a quantile as it says; the variance is about the squared error."""
    run = train_recipe(recipe("values", loss="quantile", quantiles=(0.1, 0.9), epochs=30), tmp_path / "q")
    test = values(3)
    x, y = torch.from_numpy(np.stack(test.frames)), np.stack(test.targets)[..., 0]
    with torch.no_grad():
        low, high = run.network(x)[0].numpy().transpose(2, 0, 1)
    assert np.mean(y < low) < 0.3 and np.mean(y > high) < 0.3 and np.mean(high - low) < 2 * STD
    run = train_recipe(recipe("values", loss="nll"), tmp_path / "n")
    with torch.no_grad():
        mean, log_variance = run.network(x)[0].numpy().transpose(2, 0, 1)
    assert 0.25 < np.mean((y - mean) ** 2) / np.mean(np.exp(log_variance)) < 4


def test_tokens_are_learned_in_lanes(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    """An alphabet of three that goes round: after the first letter nothing is in doubt, in the exported file too."""
    made = recipe("letters", loss="cross_entropy", stateful=True, k1=8, batch_size=4, network={"input_size": 5})
    run = train_recipe(made, tmp_path / "run")
    assert run.network.config.tokens == 3 and run.network.config.input_size == 5
    assert run.metrics["test_bits"] == pytest.approx(run.metrics["test_loss"] / np.log(2))
    assert run.metrics["test_accuracy"] == 1.0 and run.metrics["test_bits"] < 0.2
    source = load_source(str(tmp_path / "run"))
    quickly.export(source.module, source.example, tmp_path / "m.onnx", labels=source.labels)
    y = load(tmp_path / "m.onnx").run(letters(3).frames[0])
    np.testing.assert_array_equal(y.argmax(-1), letters(3).targets[0])


def test_the_same_recipe_gives_the_same_network(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    """To the bit; another seed gives another."""
    made = recipe("values", epochs=2, network={"dropout": 0.2})
    runs = [train_recipe(r, tmp_path / str(i)) for i, r in enumerate((made, made, made.changed({}, {"seed": 1})))]
    weights = [run.network.state_dict()["head.weight"] for run in runs]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert read_log(tmp_path / "0") == list(runs[0].result.epochs)
    assert not (tmp_path / "0" / STATE).exists()


def test_a_network_of_values_is_fine_tuned(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    """Its head goes back to scaled values and comes again in units; the result is near the first one."""
    made = recipe("values")
    first = train_recipe(made, tmp_path / "run")
    run = finetune_run(made, tmp_path / "run", tmp_path / "int8", "int8", epochs=2)
    assert run.info.quantized_for == "int8"
    assert run.metrics["test_mae"] < 1.5 * first.metrics["test_mae"]


@pytest.mark.parametrize(
    ("task", "changes", "words"),
    [
        ("values", {"network": {"input_size": 2}}, "network.input_size: expected 1, as the data have, found 2"),
        ("values", {"network": {"hiden_size": 2}}, "network.hiden_size: unknown key; did you mean hidden_size"),
        ("values", {"network": {"hidden_size": "8"}}, "network.hidden_size: Input should be a valid integer"),
        ("values", {"loss": "cross_entropy"}, "cross_entropy needs classes, found values per frame; choose mse"),
        (
            "letters",
            {"network": {"tokens": 5}, "loss": "cross_entropy"},
            "network.tokens: expected 3, as the data have, found 5",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_training(
    task: str, changes: dict[str, Any], words: str, recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    """Which key, what the data have, what was found; no file is written."""
    with pytest.raises(InputError, match=words):
        train_recipe(recipe(task, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_that_diverges_keeps_the_last_good_network(
    recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the step, the norm of the gradient, and the epoch whose network is in the folder."""
    made = recipe("values", epochs=4, schedule="constant")
    good = train_recipe(replace(made, training=replace(made.training, epochs=2)), tmp_path / "good")
    from rnnedge.training import _trainer as trainer

    steps = 0
    losses = trainer.Objective.forward

    def poisoned(self: Any, windows: Any, state: Any) -> Any:
        nonlocal steps
        steps += 1
        loss, state = losses(self, windows, state)
        return (loss * float("nan") if steps > 12 else loss), state

    monkeypatch.setattr(trainer.Objective, "forward", poisoned)
    words = r"epoch 3, step 3: the loss is nan, the norm of its gradient nan.* of epoch 2, is in"
    with pytest.raises(InputError, match=words):
        train_recipe(made, tmp_path / "run")
    kept, _ = load_checkpoint(tmp_path / "run")
    for name, w in good.network.state_dict().items():
        assert torch.equal(kept.state_dict()[name], w)


def test_sizes_come_from_the_data(recipe: Callable[..., Recipe]) -> None:
    """Features, statistics, classes."""
    made = recipe("values", network={"normalize": False})
    splits = load_data(made)
    assert network_config(made, splits).mean == ()
    found = network_config(recipe("values", loss="quantile", quantiles=(0.5, 0.9)), splits)
    assert found.mean == pytest.approx(splits.train.statistics()[0]) and found.output_size == 2
