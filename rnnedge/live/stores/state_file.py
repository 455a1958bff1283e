"""Named streams in a file, from one server to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnedge.files.small import parse_json, read_small
from rnnedge.live.stores.rows import packed, unpacked
from rnnedge_runtime import Model
from rnnedge_runtime.atomic import write_text
from rnnedge_runtime.errors import InputError

_SCHEMA = "rnnedge.serve.streams"
_MOST_BYTES = 1 << 30


def write_streams(path: Path, model: Model, streams: Mapping[str, dict[str, Any]]) -> None:
    """Replace the file, whole or not at all. Raises `InputError` if it cannot be written."""
    rows = {name: packed(kept) for name, kept in streams.items()}
    write_text(path, json.dumps({"schema": _SCHEMA, "schema_version": 1, "model": model.digest, "streams": rows}))


def read_streams(path: Path, model: Model) -> dict[str, dict[str, Any]]:
    """Where the streams of the file stand; none if there is no file.

    Those of another model are left out. Raises `InputError` for a file of another model alone, or of another kind. A
    snapshot is checked when it is restored.
    """
    if not path.exists():
        return {}
    try:
        found = parse_json(read_small(path, _MOST_BYTES))
        if found["schema"] != _SCHEMA:
            raise ValueError("another schema")
        streams, outputs = dict(found["streams"]), {port.name for port in model.contract.outputs}
        # A server whose model was switched may have written some of each.
        own = {name: one for name, one in streams.items() if one.get("model", found["model"]) == model.digest}
        if streams and not own and found["model"] != model.digest:
            raise InputError(f"{path}: streams of another model than {model.name}; move it away")
        return {n: unpacked(f, outputs, f"{path}: {n[:40]!r}") | {"model": model.digest} for n, f in own.items()}
    except InputError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: expected streams that rnnedge serve wrote ({error}); move it away") from error
