"""A recipe: which data, which network, how it learns. One TOML file, or a task's own.

```toml
task = "speech"             # a task by name, or a table [data] of your own files

[network]                   # the fields of NetworkConfig that the data do not decide
cell = "gru"
hidden_size = 64

[training]                  # the fields of TrainerConfig
epochs = 100
```
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from rnnedge.config_tables import config_from, nearest
from rnnedge.tasks.catalogue import TASKS
from rnnedge.training import TrainerConfig
from rnnedge_runtime.errors import InputError

_TABLES = ("task", "data", "network", "training")


@dataclass(frozen=True)
class Recipe:
    """`task`: a task's name, "" where `data`, the table of one's own files, says what is learned.

    `network`: what of `NetworkConfig` the data do not decide, and `normalize`, false where features stay as they are.
    `origin`: the file, for messages; paths in `data` are relative to its folder.
    """

    task: str
    data: Mapping[str, Any]
    network: Mapping[str, Any]
    training: TrainerConfig
    origin: Path

    def changed(self, network: Mapping[str, Any], training: Mapping[str, Any]) -> Recipe:
        """With other values of some keys. Raises `InputError` as `read_recipe` does."""
        table = {**asdict(self.training), **training}
        made = config_from(TrainerConfig, table, "training") if training else self.training
        return replace(self, network={**self.network, **network}, training=made)


def find_recipe(text: str) -> Recipe:
    """The recipe of a task by name, or that of a TOML file. Raises `InputError` where there is none."""
    if text in TASKS:
        with resources.as_file(resources.files("rnnedge.tasks") / "recipes" / f"{text}.toml") as path:
            return read_recipe(path)
    if Path(text).suffix == ".toml" or Path(text).exists():
        return read_recipe(Path(text))
    raise InputError(
        f"{text}: expected a task ({', '.join(TASKS)}) or a TOML file, found neither{nearest(text, TASKS)}"
    )


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file.

    Raises `InputError` naming the file, the key, what was expected, and the nearest key that exists.
    """
    table = _read_toml(path)
    for key, value in table.items():
        if key not in _TABLES:
            raise InputError(f"{path}: unknown key {key!r}{nearest(key, _TABLES)}; expected {', '.join(_TABLES)}")
        if isinstance(value, dict) == (key == "task"):
            raise InputError(f"{path}: expected {'a name' if key == 'task' else f'a table [{key}]'}, found {value!r}")
    task, data = table.get("task", ""), table.get("data", {})
    if bool(task) == bool(data):
        raise InputError(f"{path}: expected a task or a table [data], found {'both' if task else 'none'}")
    if task and task not in TASKS:
        raise InputError(f"{path}: task: expected one of {', '.join(TASKS)}, found {task!r}{nearest(task, TASKS)}")
    training = config_from(TrainerConfig, table.get("training", {}), f"{path}: training")
    return Recipe(task, data, table.get("network", {}), training, path)


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML file; raises `ValueError` where it is none."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not a TOML file ({error})") from error
