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

from torch import Tensor, device

from rnnedge.files.config_tables import config_from
from rnnedge.files.small import parse_json, read_small
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge_runtime.annotated import check_fields, checked
from rnnedge_runtime.atomic import make_folder, write_bytes, write_text
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.plain_file import open_plain, read_most

_SCHEMA = 1
_CONFIG = "config.json"
# Statistics and classes of one's own data stand in the config.
_MOST_CONFIG_BYTES = 1 << 24
_MOST_LAYERS = 1000
# Bytes at most of what safetensors says about a weight.
_HEADER = 1024


@dataclass(frozen=True)
class RunInfo:
    """What a run knows besides its network: written into the contract when the run is exported.

    `quantized_for`: the precision whose grid the weights were fine-tuned for, "int8" or "int4"; "" for none.
    `pruned`: the share of groups of weights that were made zero, 0 for none.
    `data`: the schema of one's own data, see `rnnedge.data.DataSchema.to_dict`; empty for a task.
    """

    task: str = ""
    labels: tuple[str, ...] = ()
    frame_rate_hz: float | None = None
    metrics: Mapping[str, float] | None = None
    quantized_for: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    pruned: float = 0.0

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field of a wrong kind."""
        check_fields(self)


@checked
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


@checked
def load_checkpoint(folder: str | os.PathLike[str]) -> tuple[RecurrentNetwork, RunInfo]:
    """Read back what `save_checkpoint` wrote; the network is in evaluation mode.

    The folder may be untrusted: weights are read from a regular file in it, by safetensors, and nothing is
    made for a network whose weights that file cannot hold.

    Raises `ModelRefused` naming the file that is missing, damaged, or does not fit the other.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    source = Path(folder)
    place = source / _CONFIG
    try:
        fields = parse_json(read_small(place, _MOST_CONFIG_BYTES))
        config = config_from(NetworkConfig, fields["network"], "network")
        run = fields["run"]
        quantized_for = run.get("quantized_for", "")
        known = run["task"], tuple(run["labels"]), run["frame_rate_hz"], run["metrics"]
        info = RunInfo(*known, quantized_for, run.get("data", {}), float(run.get("pruned", 0.0)))
        name, digest = fields["weights"]["file"], fields["weights"]["sha256"]
        made = _on_no_device(config)
    # RuntimeError, OverflowError: of torch, for sizes that no tensor has.
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError, MemoryError) as error:
        if isinstance(error, InputError) and str(error).startswith(str(place)):
            raise ModelRefused(f"{error}; expected a folder made by 'rnnedge train'") from error
        reason = (str(error).splitlines() or [""])[0]
        raise ModelRefused(
            f"{place}: not a checkpoint of this version ({type(error).__name__}: {reason}); train again"
        ) from error
    weights = source / str(name)
    if not isinstance(name, str) or Path(name).name != name:
        raise ModelRefused(f"{place}: expected the name of a file in this folder for the weights, found {name!r:.60}")
    data = _read_weights(weights, sum(like.nbytes for like in made.values()), len(made))
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ModelRefused(f"{weights}: damaged: expected SHA-256 {digest!s:.12}…, found {found[:12]}…; train again")
    try:
        tensors = load(data)
        _check_alike(tensors, made)
        network = RecurrentNetwork(config)
        network.load_state_dict(tensors)
    except (RuntimeError, SafetensorError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[-1].strip()
        raise ModelRefused(f"{weights}: does not fit the network of {place}: {reason}; train again") from error
    return network.eval(), info


def _on_no_device(config: NetworkConfig) -> dict[str, Tensor]:
    """The weights of a network by name, shapes and dtypes only; no memory is taken for them."""
    if config.num_layers > _MOST_LAYERS:
        raise ValueError(f"num_layers: expected at most {_MOST_LAYERS}, found {config.num_layers}")
    with device("meta"):
        return dict(RecurrentNetwork(config).state_dict())


def _check_alike(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise `RuntimeError` for the first weight of another shape or dtype; names are compared by torch."""
    for name, like in expected.items():
        if name in found and (found[name].shape, found[name].dtype) != (like.shape, like.dtype):
            kinds = [f"{tensor.dtype} {tuple(tensor.shape)}" for tensor in (like, found[name])]
            raise RuntimeError(f"{name}: expected {kinds[0]}, found {kinds[1]}")


def _read_weights(path: Path, expected: int, tensors: int) -> bytes:
    """The bytes of a regular file that can hold weights of `expected` bytes, and what safetensors says of them."""
    with open_plain(path, ModelRefused, "train again") as file:
        size = os.fstat(file.fileno()).st_size
        if not expected <= size <= expected + _HEADER + tensors * _HEADER:
            raise ModelRefused(
                f"{path}: does not fit the network of {path.with_name(_CONFIG)}: expected {expected:,} bytes of "
                f"weights, found a file of {size:,}; train again"
            )
        return read_most(file, str(path), ModelRefused, "train again", size)


def _tidy(folder: Path) -> None:
    """Delete the weights that `config.json` does not name; where that cannot be told or done, they do no harm."""
    config = folder / _CONFIG
    with suppress(OSError, KeyError, TypeError, ValueError, RecursionError):
        named = json.loads(config.read_text())["weights"]["file"] if config.exists() else None
        for path in folder.glob(f"weights-{'[0-9a-f]' * 12}.safetensors"):
            if path.name != named:
                path.unlink()
