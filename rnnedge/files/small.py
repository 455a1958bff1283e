"""Small files that people write or programs print: recipes, configs, reports. They have an end, and a depth."""

from __future__ import annotations

import json
import os
from typing import Any, NoReturn

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import read_plain


def read_small(path: str | os.PathLike[str], most_bytes: int) -> str:
    """The text of a regular file in UTF-8, without a byte order mark.

    Raises `InputError` for a pipe, a device or a folder, for a file of more than `most_bytes`, and for other encodings.
    """
    data = read_plain(path, most=most_bytes)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{os.fspath(path)}: expected text in UTF-8, found other bytes ({error.reason})") from error


def parse_json(text: str) -> Any:
    """A JSON document, of finite numbers. Raises `ValueError` for anything else, also one that is nested too deeply."""
    try:
        return json.loads(text, parse_constant=_not_finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"found {name}, which is no number of JSON")
