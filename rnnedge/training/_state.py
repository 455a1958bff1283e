"""A training in progress, in memory and as one file.

Continued from the file, a training ends with the weights that it would have had without the interruption: to the bit,
on the same machine with the same number of threads.

The file is `sha256(rest)`, 64 hexadecimal digits, and the rest: what `torch.save` makes, which is read without running
its pickle.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnedge.nn import RecurrentNetwork
from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import Array, SequenceData
from rnnedge.training._defaults import settled
from rnnedge.training._epoch import Epoch
from rnnedge.training._optimizers import make_optimizer, make_schedule
from rnnedge.training._stateful_batches import windows_per_epoch
from rnnedge.training.distributed import processes
from rnnedge_runtime.atomic import write_bytes
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.plain_file import LARGEST, read_plain

_SCHEMA = 2
_DIGITS = 64


class TrainingState:
    """Everything that changes while a network is trained.

    Made by `fit` when it begins, and dropped when it ends. `best` is the number of the epoch with the least validation
    loss, 0 for the weights at the start, and `weights` are its weights.
    """

    def __init__(
        self, network: RecurrentNetwork, train: SequenceData, config: TrainerConfig, validation_loss: float
    ) -> None:
        """The state before the first step; `validation_loss` is that of the weights at the start."""
        config = settled(config, train)
        self.network = network
        self.order = np.random.default_rng(config.seed)
        self.noise = torch.Generator().manual_seed(config.seed)
        self.optimizer = make_optimizer(network, config)
        self.schedule = make_schedule(self.optimizer, config, passes_per_epoch(train, config) * config.epochs)
        self.epochs: list[Epoch] = []
        self.start_loss = self.least_loss = validation_loss
        self.best = 0
        self.weights = copy.deepcopy(network.state_dict())
        self._identity = {
            **{name: str(value) for name, value in asdict(config).items()},
            "number of processes": str(processes().world),
            **{f"network's {name}": str(value) for name, value in asdict(network.config).items()},
            "digest of the weights at the start": _digest(*(w.cpu().numpy() for w in network.state_dict().values())),
            "digest of the training data": _digest(*train.frames, *map(np.asarray, train.targets)),
        }

    def close(self, epoch: Epoch) -> None:
        """An epoch is done; its weights are kept where they are the best so far."""
        self.epochs.append(epoch)
        if epoch.validation_loss <= self.least_loss:
            weights = copy.deepcopy(self.network.state_dict())
            self.best, self.least_loss, self.weights = epoch.number, epoch.validation_loss, weights

    def save(self, path: Path) -> None:
        """Write everything to `path`, generators too; raises `InputError` where it cannot be written."""
        buffer = io.BytesIO()
        fields = {
            "schema": _SCHEMA,
            "identity": self._identity,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "best": (self.best, self.least_loss, self.weights),
            # numpy's generator counts in integers of 128 bits.
            "order": json.dumps(self.order.bit_generator.state),
            "noise": self.noise.get_state(),
            # That of dropout.
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        torch.save(fields, buffer)
        data = buffer.getvalue()
        write_bytes(path, hashlib.sha256(data).hexdigest().encode() + data)

    def load(self, path: Path) -> None:
        """Become the training that was written to `path`.

        Raises `InputError` if there is none, or it is another training's; `ModelRefused` for a damaged file.
        """
        fields = _read(path)
        for what, ours in self._identity.items():
            found = fields["identity"].get(what)
            if found != ours:
                raise InputError(
                    f"{path}: belongs to another training: expected {ours} as its {what}, found {found}; give the "
                    "arguments of that training, or start again without resuming"
                )
        self.network.load_state_dict(fields["network"])
        self.optimizer.load_state_dict(fields["optimizer"])
        self.schedule.load_state_dict(fields["schedule"])
        self.epochs = [Epoch(**values) for values in fields["epochs"]]
        self.best, self.least_loss, self.weights = fields["best"]
        self.order.bit_generator.state = json.loads(fields["order"])
        self.noise.set_state(fields["noise"])
        torch.set_rng_state(fields["torch"])
        if fields["cuda"]:
            torch.cuda.set_rng_state_all(fields["cuda"])


def passes_per_epoch(train: SequenceData, config: TrainerConfig) -> int:
    """How often the learning rate moves in an epoch: once a batch, or once a window of lanes."""
    if config.stateful:
        return windows_per_epoch(train, config)
    return 1 if config.optimizer == "gradient_descent" else -(-len(train) // config.batch_size)


def _read(path: Path) -> dict[str, Any]:
    try:
        file = read_plain(path, most=LARGEST)
    except InputError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise InputError(
            f"{path}: expected an interrupted training, found none: {reason}, or start again without resuming"
        ) from error
    digest, data = file[:_DIGITS], file[_DIGITS:]
    if hashlib.sha256(data).hexdigest().encode() != digest:
        raise ModelRefused(f"{path}: damaged: expected the SHA-256 that it begins with, found another; start again")
    try:
        fields: dict[str, Any] = torch.load(io.BytesIO(data), weights_only=True)
        schema = fields["schema"]
    except (RuntimeError, pickle.UnpicklingError, KeyError) as error:
        raise ModelRefused(f"{path}: not a training of this version ({type(error).__name__}); start again") from error
    if schema != _SCHEMA:
        raise ModelRefused(f"{path}: expected schema {_SCHEMA}, found {schema}; start again")
    return fields


def _digest(*arrays: Array) -> str:
    """The first digits of a SHA-256 over shapes and content."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:12]
