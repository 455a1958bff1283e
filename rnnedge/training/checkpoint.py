"""A trained network on disk: `weights.safetensors` and `config.json` in one folder.

The weights are written first, under a name that holds their SHA-256; `config.json`, written last, names them. A crash
between the two leaves the older pair whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnnedge.config_tables import config_from
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge_runtime.atomic import make_folder, write_bytes, write_text
from rnnedge_runtime.errors import ModelRefused

_SCHEMA = 1
_CONFIG = "config.json"


@dataclass(frozen=True)
class RunInfo:
    """What a run knows beside its network: written into the contract when the run is exported.

    `quantized_for`: the precision whose grid the weights were fine-tuned for, "int8" or "int4"; "" for none.
    `data`: the schema of one's own data, see `rnnedge.data.DataSchema.to_dict`; empty for a task.
    """

    task: str = ""
    labels: tuple[str, ...] = ()
    frame_rate_hz: float | None = None
    metrics: Mapping[str, float] | None = None
    quantized_for: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def save_checkpoint(folder: str | os.PathLike[str], network: RecurrentNetwork, info: RunInfo) -> Path:
    """Write `network` and `info` to `folder`, which is created; returns the path of `config.json`.

    Raises `InputError` where the folder cannot be written.
    """
    from safetensors.torch import save

    target = make_folder(folder)
    data = save({name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()})
    digest = hashlib.sha256(data).hexdigest()
    weights = f"weights-{digest[:12]}.safetensors"
    fields = {
        "schema": _SCHEMA,
        "network": asdict(network.config),
        "run": asdict(info),
        "weights": {"file": weights, "sha256": digest},
    }
    try:
        write_bytes(target / weights, data)
        return write_text(target / _CONFIG, json.dumps(fields, indent=2) + "\n")
    finally:
        _tidy(target)


def load_checkpoint(folder: str | os.PathLike[str]) -> tuple[RecurrentNetwork, RunInfo]:
    """Read back what `save_checkpoint` wrote; the network is in evaluation mode.

    Raises `ModelRefused` naming the file that is missing, damaged, or does not fit the other.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    source = Path(folder)
    place = source / _CONFIG
    try:
        fields = json.loads(place.read_text())
        network = RecurrentNetwork(config_from(NetworkConfig, fields["network"], "network"))
        run = fields["run"]
        quantized_for = run.get("quantized_for", "")
        known = run["task"], tuple(run["labels"]), run["frame_rate_hz"], run["metrics"]
        info = RunInfo(*known, quantized_for, run.get("data", {}))
        weights, digest = source / fields["weights"]["file"], fields["weights"]["sha256"]
    except OSError as error:
        raise ModelRefused(
            f"{place}: cannot be read ({error.strerror}); expected a folder made by 'rnnedge train'"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelRefused(
            f"{place}: not a checkpoint of this version ({type(error).__name__}: {error}); train again"
        ) from error
    try:
        data = weights.read_bytes()
    except OSError as error:
        raise ModelRefused(f"{weights}: cannot be read ({error.strerror}); train again") from error
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ModelRefused(f"{weights}: damaged: expected SHA-256 {digest[:12]}…, found {found[:12]}…; train again")
    try:
        network.load_state_dict(load(data))
    except (RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelRefused(f"{weights}: does not fit the network of {place}: {reason}; train again") from error
    return network.eval(), info


def _tidy(folder: Path) -> None:
    """Delete the weights that `config.json` does not name; where that cannot be told or done, they do no harm."""
    config = folder / _CONFIG
    with suppress(OSError, KeyError, TypeError, ValueError, RecursionError):
        named = json.loads(config.read_text())["weights"]["file"] if config.exists() else None
        for path in folder.glob(f"weights-{'[0-9a-f]' * 12}.safetensors"):
            if path.name != named:
                path.unlink()
