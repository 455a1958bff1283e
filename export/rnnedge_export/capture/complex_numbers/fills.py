"""Complex tensors that are made of no other one, such as zeros, and what is assigned to parts of them.

`zeros(n, dtype=torch.cfloat)` is a pair of zeros; a part that is assigned is assigned to both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree as pytree

from rnnedge_export.capture.complex_numbers.pairs import Pair, Rule, alike, is_complex, pair

_FILLS = """empty empty_like eye full full_like linspace new_empty new_full new_ones new_zeros ones ones_like
    scalar_tensor zeros zeros_like""".split()
_ASSIGNED = "copy index_put select_scatter slice_scatter diagonal_scatter masked_scatter scatter fill".split()


def _part(value: Any, name: str) -> Any:
    if isinstance(value, torch.dtype):
        return value.to_real() if value.is_complex else value
    return getattr(value, name) if isinstance(value, complex) else value


def _filled(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The imaginary part of a real number is 0."""
    like = [one.real if isinstance(one, Pair) else one for one in args]
    dtypes = [one for one in (*args, *kwargs.values()) if isinstance(one, torch.dtype)]
    asks = pytree.tree_map(lambda one: _part(one, "real"), (like, kwargs))
    real = target(*asks[0], **asks[1])
    if dtypes and not dtypes[0].is_complex:
        return real
    if not any(isinstance(one, complex) for one in args):
        return Pair(real, torch.zeros_like(real))
    asks = pytree.tree_map(lambda one: _part(one, "imag"), (like, kwargs))
    return Pair(real, target(*asks[0], **asks[1]))


def _assigned(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Both tensors as pairs; what is assigned to a real one loses its imaginary part, as in torch."""
    if not is_complex(args[0]):
        return target(*(one.real if isinstance(one, Pair) else one for one in args), **kwargs)
    tensors = [pair(one) if isinstance(one, torch.Tensor) and one.is_floating_point() else one for one in args]
    return alike(target, tuple(tensors), kwargs)


FILLS: dict[str, Rule] = {**dict.fromkeys(_FILLS, _filled), **dict.fromkeys(_ASSIGNED, _assigned)}
