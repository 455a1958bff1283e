"""Named streams in a file, from one server to the next."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnedge.files.small import parse_json, read_small
from rnnedge_runtime import Model
from rnnedge_runtime.atomic import write_text
from rnnedge_runtime.errors import InputError

_SCHEMA = "rnnedge.serve.streams"
_MOST_BYTES = 1 << 30


def write_streams(path: Path, model: Model, streams: Mapping[str, dict[str, Any]]) -> None:
    """Replace the file, whole or not at all. Raises `InputError` if it cannot be written."""
    rows = {name: {**kept, "snapshot": base64.b64encode(kept["snapshot"]).decode()} for name, kept in streams.items()}
    write_text(path, json.dumps({"schema": _SCHEMA, "schema_version": 1, "model": model.digest, "streams": rows}))


def read_streams(path: Path, model: Model) -> dict[str, dict[str, Any]]:
    """Where the streams of the file stand; none if there is no file.

    Raises `InputError` for a file of another model, or of another kind. A snapshot is checked when it is restored.
    """
    if not path.exists():
        return {}
    try:
        found = parse_json(read_small(path, _MOST_BYTES))
        if found["schema"] != _SCHEMA:
            raise ValueError("another schema")
        if found["model"] != model.digest:
            raise InputError(f"{path}: streams of another model than {model.name}; move it away")
        return {str(name): _kept(fields) for name, fields in found["streams"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: expected streams that rnnedge serve wrote ({error}); move it away") from error


def _kept(fields: dict[str, Any]) -> dict[str, Any]:
    latest = fields["latest"]
    return {
        "next": int(fields["next"]),
        "base": int(fields["base"]),
        "made": {str(name): int(count) for name, count in fields["made"].items()},
        "latest": None if latest is None else (int(latest[0]), float(latest[1])),
        "snapshot": base64.b64decode(fields["snapshot"]),
    }
