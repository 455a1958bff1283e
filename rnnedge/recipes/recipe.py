"""A recipe: which data, which network, how it learns. One TOML file, or a task's own.

```toml
task = "speech"             # a task by name, or a table [data] of your own files;
                            # with options of its own: task = { name = "adding", frames = 400 }

[network]                   # the fields of NetworkConfig that the data do not decide
cell = "gru"
hidden_size = 64

[training]                  # the fields of TrainerConfig
epochs = 100
```
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from rnnedge.files.config_tables import config_from
from rnnedge.files.small import read_small
from rnnedge.tasks.catalogue import TASKS
from rnnedge.training import TrainerConfig
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.arguments import nearest
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import is_there

# People write it: a list of a thousand columns is some ten thousand letters.
_MOST_BYTES = 1 << 18
_MOST_DOTS = 100
_TABLES = ("task", "data", "network", "training")


@dataclass(frozen=True)
class Recipe:
    """`task`: a task's name, "" where `data`, the table of one's own files, says what is learned.

    `options` of the task. `network`: what of `NetworkConfig` the data do not decide, and `normalize`, false where
    features stay as they are.
    `origin`: the file, for messages; paths in `data` are relative to its folder.
    """

    task: str
    data: Mapping[str, Any]
    network: Mapping[str, Any]
    training: TrainerConfig
    origin: Path
    options: Mapping[str, Any] = field(default_factory=dict)

    def changed(
        self, network: Mapping[str, Any], training: Mapping[str, Any], options: Mapping[str, Any] | None = None
    ) -> Recipe:
        """With other values of some keys. Raises `InputError` as `read_recipe` does."""
        table = {**asdict(self.training), **training}
        made = config_from(TrainerConfig, table, "training") if training else self.training
        options = {**self.options, **(options or {})}
        if self.task:
            TASKS[self.task].read_options(options, "task")
        return replace(self, network={**self.network, **network}, training=made, options=options)


@checked
def find_recipe(text: str) -> Recipe:
    """The recipe of a task by name, or that of a TOML file. Raises `InputError` if there is none."""
    if text in TASKS:
        with resources.as_file(resources.files("rnnedge.tasks") / "recipes" / f"{text}.toml") as path:
            return read_recipe(path)
    if Path(text).suffix == ".toml" or is_there(text):
        return read_recipe(Path(text))
    raise InputError(
        f"{text}: expected a task ({', '.join(TASKS)}) or a TOML file, found neither{nearest(text, TASKS)}"
    )


@checked
def read_recipe(path: Path) -> Recipe:
    """The recipe in a file.

    Raises `InputError` naming the file, the key, what was expected, and the nearest key that exists.
    """
    table = _read_toml(path)
    for key, value in table.items():
        if key not in _TABLES:
            raise InputError(f"{path}: unknown key {key!r}{nearest(key, _TABLES)}; expected {', '.join(_TABLES)}")
        if not isinstance(value, (str, dict) if key == "task" else dict):
            raise InputError(f"{path}: expected {'a name' if key == 'task' else f'a table [{key}]'}, found {value!r}")
    named, data = table.get("task", ""), table.get("data", {})
    options = {key: value for key, value in named.items() if key != "name"} if isinstance(named, dict) else {}
    task = named.get("name", "") if isinstance(named, dict) else named
    if bool(task) == bool(data):
        raise InputError(f"{path}: expected a task or a table [data], found {'both' if task else 'none'}")
    if task and task not in TASKS:
        raise InputError(f"{path}: task: expected one of {', '.join(TASKS)}, found {task!r}{nearest(task, TASKS)}")
    if task:
        TASKS[task].read_options(options, f"{path}: task")
    training = config_from(TrainerConfig, table.get("training", {}), f"{path}: training")
    return Recipe(task, data, table.get("network", {}), training, path, options)


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML file; raises `ValueError` where it is none, or nested too deeply."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    # The parser's time grows with the square of the parts of a name.
    if any(part.count(".") > _MOST_DOTS for part in re.split(r"[=,{}\[\]\n]", text)):
        raise ValueError(f"a name of more than {_MOST_DOTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_small(path, _MOST_BYTES))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path}: not a TOML file ({error})") from error
