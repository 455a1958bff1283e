"""Frozen dataclasses from the tables of a TOML or JSON file, checked by pydantic; what is wrong is said in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from rnnedge_runtime.arguments import nearest
from rnnedge_runtime.errors import InputError, MissingExtra

Config = TypeVar("Config")
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


def config_from(kind: type[Config], table: Mapping[str, Any], place: str) -> Config:
    """A config, a frozen dataclass, from a table of a TOML or JSON file.

    Raises `InputError` with the first thing that is wrong in one line that begins with `place`.
    """
    try:
        from pydantic import TypeAdapter, ValidationError
    except ImportError as error:
        raise MissingExtra("reading a config needs pydantic; install 'rnnedge[train]'") from error
    adapter = TypeAdapter(kind)
    try:
        # By way of JSON, where a list is a tuple but "5" is no number.
        return adapter.validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        # A key that was misspelled is missing too; what it should have been is the better answer.
        unknown = [e for e in error.errors() if e["type"] in _UNKNOWN]
        first = (unknown or error.errors())[0]
        names = [str(part) for part in first["loc"]]
        where = ".".join([place, *names])
        if unknown:
            raise InputError(f"{where}: unknown key{nearest(names[-1], _keys(adapter.json_schema()))}") from None
        found = "" if first["type"] in ("value_error", "missing") else f", found {first['input']!r}"
        raise InputError(f"{where}: {first['msg'].removeprefix('Value error, ')}{found}") from None


def _keys(schema: Mapping[str, Any]) -> list[str]:
    """Every key that a JSON schema knows, those of nested tables too."""
    return [key for part in (schema, *schema.get("$defs", {}).values()) for key in part.get("properties", {})]
