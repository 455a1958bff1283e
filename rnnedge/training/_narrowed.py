"""What a network is used with in training where its file will have less: rounded weights, or fewer of them."""

from __future__ import annotations

from torch import Tensor, nn

from rnnedge.training._config import TrainerConfig
from rnnedge.training.pruning import pruned
from rnnedge.training.quantization import fake_quantized


def narrowed(module: nn.Module, config: TrainerConfig) -> dict[str, Tensor] | None:
    """The parameters of `module` by name as `config` has them used; None where they are used as they are."""
    if config.prune:
        return pruned(module, config.prune)
    return None if config.precision == "float32" else fake_quantized(module, config.precision)
