"""Weights of which groups are zero, as the native engine leaves them out, so that a network can learn to live with it.

A group is `GROUP` adjacent outputs of one input: a vector of the processor, or a few of them. Of every large matrix the
same share of groups is zero, those with the least sum of squares (Narang, Undersander & Diamos, "Block-sparse recurrent
neural networks", 2017). They are chosen anew for every use: backwards pruning counts as the identity, so that a group
which turns out to be needed comes back.

Biases, normalizations, convolutions, tables, small matrices, and those whose gates do not consist of whole groups, stay
as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnedge_runtime.annotated import checked
from rnnedge_runtime.errors import InputError

GROUP = 16
# Of a smaller matrix nothing is gained.
_SMALLEST = 4096


@checked
def pruned(module: nn.Module, share: float) -> dict[str, Tensor]:
    """Every parameter of `module` by name; of large matrices `share`, above 0 and below 1, of the groups are zero.

    For `torch.func.functional_call`, which puts them in the place of the parameters for one call. Differentiable: the
    parameters get the gradient of their pruned selves. A parameter that a module keeps under a name of its own, outside
    of torch's layers, stays as it is.

    Raises `InputError` for another share, and for a module that has no matrix which is large enough.
    """
    if not 0 < share < 1:
        raise InputError(f"prune: expected a share above 0 and below 1, found {share}")
    large = {
        id(parameter)
        for layer in module.modules()
        for name, parameter in layer.named_parameters(recurse=False)
        if _is_large(layer, name, parameter)
    }
    if not large:
        raise InputError(
            f"prune: expected a recurrent or linear layer of at least {_SMALLEST} weights, and a multiple of {GROUP} "
            "units, found none; such a network is fast as it is"
        )
    return {
        name: w + (without_least(w.detach(), share) - w.detach()) if id(w) in large else w
        for name, w in module.named_parameters()
    }


def without_least(w: Tensor, share: float) -> Tensor:
    """w (outputs, inputs) with zeros in the place of `share` of its groups, to the bit what it was elsewhere."""
    outputs, inputs = w.shape
    filled = nn.functional.pad(w, (0, 0, 0, -outputs % GROUP))
    sizes = filled.reshape(-1, GROUP, inputs).square().sum(1)
    least = sizes.flatten().argsort(stable=True)[: round(share * sizes.numel())]
    kept = torch.ones(sizes.numel(), dtype=torch.bool, device=w.device)
    kept[least] = False
    mask = kept.reshape(sizes.shape).repeat_interleave(GROUP, 0)[:outputs]
    return torch.where(mask, w, torch.zeros((), dtype=w.dtype, device=w.device))


def _is_large(layer: nn.Module, name: str, w: Tensor) -> bool:
    if not name.startswith("weight") or w.ndim != 2 or w.numel() < _SMALLEST:
        return False
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
        return int(layer.hidden_size) % GROUP == 0
    return isinstance(layer, nn.Linear)
