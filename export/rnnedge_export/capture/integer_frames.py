"""Frames of truth values and of narrow integers: a stream takes int64, and the module is given what it expects.

A done flag, a mask of valid sensors, bytes of text. What is not 0 is true.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

_NARROW = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32)


@contextmanager
def integer_frames(module: nn.Module, example: object, batch_axis: int, time_axis: int) -> Iterator[object]:
    """The example with int64 for such frames; meanwhile the module takes these, too."""
    found: dict[str, list[torch.dtype | None]] = {}
    sizes = _sizes(example, batch_axis, time_axis)
    signature = inspect.signature(module.forward)

    def noted(name: str, value: Any) -> Any:
        leaves, spec = pytree.tree_flatten(value)
        kinds = [
            leaf.dtype if isinstance(leaf, Tensor) and leaf.dtype in _NARROW and _has(leaf, sizes) else None
            for leaf in leaves
        ]
        if not any(kinds):
            return value
        found[name] = kinds
        wide = [leaf.long() if kind else leaf for leaf, kind in zip(leaves, kinds, strict=True)]
        return pytree.tree_unflatten(wide, spec)

    wide = _by_name(example, signature, noted)
    if not found:
        yield example
        return

    def narrow(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        bound = signature.bind(*args, **kwargs)
        for name, kinds in found.items():
            leaves, spec = pytree.tree_flatten(bound.arguments[name])
            # A module of one step is called with such frames as it is, too.
            given = [_cast(leaf, kind) for leaf, kind in zip(leaves, kinds, strict=True)]
            bound.arguments[name] = pytree.tree_unflatten(given, spec)
        return bound.args, bound.kwargs

    hook = module.register_forward_pre_hook(narrow, with_kwargs=True, prepend=True)
    try:
        yield wide
    finally:
        hook.remove()


def _by_name(example: object, signature: inspect.Signature, change: Any) -> object:
    """The example with its arguments changed, each by its name in `forward`."""
    names = [p.name for p in signature.parameters.values() if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    if isinstance(example, dict):
        return {name: change(name, value) for name, value in example.items()} if _are_names(example, signature) else (
            change(names[0], example) if names else example
        )  # fmt: skip
    if type(example) not in (tuple, list):
        return change(names[0], example) if names and isinstance(example, Tensor) else example
    items: Sequence[Any] = example  # type: ignore[assignment]
    if len(items) > len(names) + 1:
        return example
    changed = [
        {key: change(key, one) for key, one in value.items()}
        if k == len(items) - 1 and isinstance(value, dict) and _are_names(value, signature)
        else change(names[k], value) if k < len(names) else value
        for k, value in enumerate(items)
    ]  # fmt: skip
    return tuple(changed)


def _are_names(value: dict[Any, Any], signature: inspect.Signature) -> bool:
    return set(value) <= set(signature.parameters)


def _sizes(example: object, batch_axis: int, time_axis: int) -> tuple[int, int, int, int]:
    """Axes of batch and time, and the sizes of the first tensor there, 0 where it has none."""
    leaves = [leaf for leaf in pytree.tree_leaves(example) if isinstance(leaf, Tensor)]
    first = next((leaf.shape for leaf in leaves if leaf.dim() > max(batch_axis, time_axis)), None)
    sizes = (0, 0) if first is None else (first[batch_axis], first[time_axis])
    return batch_axis, time_axis, *sizes


def _has(leaf: Tensor, sizes: tuple[int, int, int, int]) -> bool:
    batch_axis, time_axis, batch, time = sizes
    return leaf.dim() > max(batch_axis, time_axis) and (leaf.shape[batch_axis], leaf.shape[time_axis]) == (batch, time)


def _cast(leaf: Any, dtype: torch.dtype | None) -> Any:
    if dtype is None or leaf.dtype == dtype:
        return leaf
    return leaf != 0 if dtype == torch.bool else leaf.to(dtype)
