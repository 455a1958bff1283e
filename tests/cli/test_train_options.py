"""`rnnedge train` beside the training itself: recipes, changes of them, learning rates, searches, TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Command
from in_one_test import in_one_test

from rnnedge.recipes import find_recipe
from rnnedge.tasks.catalogue import TASKS
from rnnedge.training.log import METRICS

SMALL = ["--set", "task.frames=6", "--set", "task.sequences=64", "--hidden-size", 8]


def test_every_task_has_a_recipe_that_can_be_copied(rnnedge: Command, tmp_path: Path) -> None:
    """`--list` names it; what `--show-recipe` prints is a recipe that is read as the same one."""
    listed = rnnedge("train", "--list").out
    for name in TASKS:
        assert f"{name} " in listed
        shown = rnnedge("train", name, "--show-recipe")
        (tmp_path / "my.toml").write_text(shown.out)
        copied, original = find_recipe(str(tmp_path / "my.toml")), find_recipe(name)
        assert (copied.task, copied.network, copied.training) == (name, original.network, original.training)


def test_a_change_on_the_command_line_is_trained(rnnedge: Command, tmp_path: Path) -> None:
    """Numbers, words, options of the task; curves for TensorBoard beside the log."""
    command = ["train", "adding", "-o", tmp_path / "run", *SMALL, "--epochs", 2, "--tensorboard", "--json"]
    done = rnnedge(*command, "--set", "training.optimizer=rmsprop", "--set", "network.cell=rnn_tanh")
    assert done.code == 0 and done.json["epochs"] == 2 and done.json["test_mae"] > 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())["network"]
    assert (config["cell"], config["hidden_size"]) == ("rnn_tanh", 8)
    assert len((tmp_path / "run" / METRICS).read_text().splitlines()) == 2
    assert list((tmp_path / "run" / "tensorboard").iterdir())


@in_one_test(
    ("arguments", "code", "words"),
    [
        (["adding", "--set", "task.frame=3"], 6, "task.frame: unknown key; did you mean frames?"),
        (["adding", "--set", "task.frames=0"], 6, "task: frames: expected at least 1, found 0"),
        (["adding", "--set", "training.epoch=3"], 6, "training.epoch: unknown key; did you mean epochs?"),
        (["adding", "--set", "network.cell=lstn"], 6, "expected one of rnn_sigmoid"),
        (["adding", "--set", "cell=gru"], 2, "expected network.KEY=VALUE"),
        (["addding"], 2, "did you mean adding?"),
        ([], 2, "expected one of speech"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    arguments: list[str], code: int, words: str, rnnedge: Command, tmp_path: Path
) -> None:
    """With the nearest key that exists."""
    done = rnnedge("train", *arguments, "-o", tmp_path / "run")
    assert done.code == code
    assert words in " ".join(done.err.replace("│", " ").split())
    assert not (tmp_path / "run" / "config.json").exists()


@in_one_test(
    ("text", "words"),
    [
        ("task = 3", "my.toml: expected a name, found 3"),
        ('task = "speech"\n[data]\npath = "x.csv"', "expected a task or a table [data], found both"),
        ("[network]\ncell = 'gru'", "expected a task or a table [data], found none"),
        ('task = "speech"\n[trainig]\nepochs = 3', "unknown key 'trainig'; did you mean training?"),
        ('task = "speech"\n[training]\nepochs = "3"', "training.epochs: Input should be a valid integer, found '3'"),
        ('task = "speech"\n[training]\nloss = "mape"', "training: loss: expected one of cross_entropy"),
        ("task = ", "my.toml: not a TOML file"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused(text: str, words: str, rnnedge: Command, tmp_path: Path) -> None:
    """One line with the file and the key."""
    (tmp_path / "my.toml").write_text(text)
    done = rnnedge("train", tmp_path / "my.toml", "-o", tmp_path / "run")
    assert done.code == 6 and words in done.err


def test_a_learning_rate_is_found_and_drawn(rnnedge: Command, tmp_path: Path) -> None:
    """A number on stdout, a picture in the folder."""
    done = rnnedge("train", "adding", "-o", tmp_path, *SMALL, "--range-test", "--json")
    assert done.code == 0 and 1e-5 < done.json["learning_rate"] < done.json["limit"]
    assert Path(done.json["picture"]).read_bytes().startswith(b"\x89PNG")


def test_a_search_leaves_the_best_run(rnnedge: Command, tmp_path: Path) -> None:
    """It can be exported, and the same command does nothing twice."""
    pytest.importorskip("optuna")
    command = ["train", "adding", "-o", tmp_path, *SMALL, "--epochs", 1, "--search", 2, "--json"]
    done = rnnedge(*command)
    assert done.code == 0 and done.json["trials"] == 2
    assert (tmp_path / "best" / "config.json").exists()
    assert "trial 0" in done.err and "trial" not in rnnedge(*command).err
