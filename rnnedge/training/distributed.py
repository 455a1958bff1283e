"""Several processes that train one network, started by `torchrun`: torch's DistributedDataParallel.

Every process draws the same global batch and takes every n-th row of it. Losses are divided by the frames of the global
batch, so the mean of all gradients is that of one process with the whole batch. Validation is small: every process does
all of it, and comes to the same decisions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from rnnedge_runtime.errors import InputError


@dataclass(frozen=True)
class Processes:
    """This process is number `rank`, counted from 0, of `world`."""

    rank: int = 0
    world: int = 1

    @property
    def rows(self) -> slice:
        """The rows of a global batch that are this process's."""
        return slice(self.rank, None, self.world)


def processes() -> Processes:
    """Who trains: this process alone, or a group that `joined` has made."""
    if distributed.is_available() and distributed.is_initialized():
        return Processes(distributed.get_rank(), distributed.get_world_size())
    return Processes()


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Inside, this process belongs to the group that `torchrun` started; by gloo, or by nccl on a GPU.

    Raises `InputError` where the others cannot be reached.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    try:
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"torchrun: the {os.environ['WORLD_SIZE']} processes do not find each other ({error}); look at MASTER_ADDR "
            "and MASTER_PORT"
        ) from error
    try:
        yield processes()
    finally:
        distributed.destroy_process_group()


def shared(module: nn.Module) -> nn.Module:
    """`module`, whose gradients are the mean over all processes after every backward pass."""
    return module if processes().world == 1 else DistributedDataParallel(module)


def summed(value: Tensor) -> Tensor:
    """The sum of `value`, a scalar, over all processes."""
    if processes().world == 1:
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total


def reseed(seed: int, epoch: int) -> None:
    """Give every process of a group numbers of its own for dropout, the same ones whenever this epoch is trained."""
    group = processes()
    if group.world > 1:
        torch.manual_seed(hash((seed, epoch, group.rank)) & 0x7FFFFFFF)
