"""Results with batch and time in one axis, as `decoded.view(-1, tokens)` gives them for a loss, are frames as others.

Whether an axis is that is tried with three sequences; which of the two is the outer one, by what the first gives alone.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.kept_values import left_as_it_was
from rnnedge_export.capture.module_adapter import ModuleAdapter

_SEQUENCES = 3


def with_flat_results(example: Example, module: nn.Module) -> Example:
    """The example, which says which results they are."""
    if example.length < 2:
        return example
    sequences, adapter = example.given(_SEQUENCES, example.length), ModuleAdapter(module, example)
    first = [x.narrow(axis, 0, 1) for x, axis in zip(sequences, example.batch_axes, strict=True)]
    try:
        with quiet(), torch.no_grad(), left_as_it_was(module):
            results = adapter(*sequences)
            flat = {k: value for k, value in enumerate(results) if _is_flat(value, example)}
            alone = adapter(*first) if flat else ()
    # A user's forward can raise anything, and whoever calls it next says so.
    except Exception:
        return example
    if any(alone[k].shape[:1] != (example.length,) for k in flat):
        return example
    return replace(example, flat=tuple((k, _is_outer(value, alone[k])) for k, value in flat.items()))


def _is_flat(value: Tensor, example: Example) -> bool:
    return value.dim() > 0 and value.shape[0] == _SEQUENCES * example.length


def _is_outer(value: Tensor, alone: Tensor) -> bool:
    """Whether the frames of a sequence stand together."""
    apart, together = value[::_SEQUENCES], value[: len(alone)]
    return bool((together - alone).abs().sum() <= (apart - alone).abs().sum())
