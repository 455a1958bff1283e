"""How large a batch is and how long training lasts, if nobody says so: decided by the number of updates."""

from __future__ import annotations

from dataclasses import replace

from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import SequenceData

# Sequences of a batch at most, which many sequences have; few have smaller batches, so that an epoch has ten updates.
LARGEST_BATCH, _UPDATES_PER_EPOCH = 32, 10
# Of a training; epochs are added until it has as many.
_EPOCHS, _UPDATES, _MOST_EPOCHS = 60, 600, 600


def settled(config: TrainerConfig, train: SequenceData) -> TrainerConfig:
    """`config` with numbers in place of the zeros of `batch_size` and `epochs`, as they suit the training data.

    1. `batch_size`: 32 sequences, or fewer so that an epoch has ten updates. A stateful training has 32 lanes.
    2. `epochs`: 60, or more so that there are 600 updates, at most 600.
    """
    most = LARGEST_BATCH if config.stateful else max(1, min(LARGEST_BATCH, len(train) // _UPDATES_PER_EPOCH))
    config = replace(config, batch_size=config.batch_size or most)
    needed = -(-_UPDATES // updates_per_epoch(config, train))
    return replace(config, epochs=config.epochs or min(max(_EPOCHS, needed), _MOST_EPOCHS))


def updates_per_epoch(config: TrainerConfig, train: SequenceData) -> int:
    """About how many: sequences of a batch are as long as the mean one."""
    if config.stateful:
        return -(-train.length // (config.batch_size * config.k1))
    batches = 1 if config.optimizer == "gradient_descent" else -(-len(train) // config.batch_size)
    windows = -(-train.length // (len(train) * config.k1)) if config.k1 else 1
    return batches * windows
