"""The argument RECIPE of `rnnedge train`, and what options change in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rnnedge.recipes import Recipe

_DATA = (".csv", ".parquet", ".npz", ".npy", ".wav", ".json", ".jsonl", ".tsv", ".txt", ".xlsx")


def cells() -> tuple[str, ...]:
    """The kinds of `--cell`."""
    from rnnedge.nn import CELLS

    return tuple(CELLS)


def no_recipe(recipe: str, tasks: Iterable[str]) -> str:
    """Why `recipe` is no file of a recipe; empty if it may be one."""
    from rnnedge_runtime.arguments import nearest
    from rnnedge_runtime.plain_file import is_file, is_folder

    path = Path(recipe)
    if not recipe:
        return "none"
    if is_folder(path) or (is_file(path) and path.suffix.lower() in _DATA):
        return f"data ({recipe}); rnnedge new NAME writes a recipe that names them, see the page Your own data"
    if is_file(path):
        return ""
    return f"no file {recipe!r}" if path.suffix == ".toml" else f"{recipe!r}{nearest(recipe, tasks)}"


def changed(recipe: Recipe, changes: list[str], network: dict[str, Any], training: dict[str, Any]) -> Recipe:
    """`recipe` with what the options say; values of --set are written as in TOML, or as plain words."""
    options: dict[str, Any] = {}
    tables = {"network": network, "training": training, "task": options}
    for change in changes:
        place, equals, value = change.partition("=")
        table, dot, key = place.partition(".")
        if not equals or not dot or table not in tables:
            raise typer.BadParameter(
                f"expected network.KEY=VALUE, training.KEY=VALUE or task.KEY=VALUE, found {change!r}",
                param_hint="--set",
            )
        tables[table][key] = _value(value)
    return recipe.changed(network, training, options)


def _value(text: str) -> Any:
    from rnnedge.recipes.recipe import parse_toml

    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text
