"""What a module holds of sequences that it has seen before its export: few want streams to begin in their middle."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge_runtime.errors import ModelRefused


class UsedStateWarning(UserWarning):
    """Streams of an export start from what an earlier call has left on the module."""


def used(values: Mapping[str, Any], results: Callable[[Mapping[str, Any]], list[Tensor]]) -> list[str]:
    """Those of `values` on a module, by their paths, that are not 0 and that a result depends on.

    `results`: what a call gives where the values of its argument stand in place of those on the module.
    """
    held = {path: value for path, value in values.items() if any(bool(leaf.any()) for leaf in _tensors(value))}
    before = results({}) if held else []
    zeros = {path: pytree.tree_map_only(Tensor, torch.zeros_like, value) for path, value in held.items()}
    return [path for path, value in zeros.items() if not _equal(results({path: value}), before)]


def tell_used(name: str, paths: Sequence[str]) -> None:
    """Warn of what streams start from."""
    warnings.warn(
        f"{name}: streams start from what the module holds in {', '.join(paths)}, which is not 0; reset it before the "
        "export if an earlier call has left it there",
        UsedStateWarning,
        stacklevel=2,
    )


def refuse_other_batch(module: nn.Module, call: Callable[[], object]) -> None:
    """Where a call fails that does not fail without the tensors on the module: raise `ModelRefused`, which names them.

    They are of another batch, which an earlier call had.
    """
    held = [
        (path, vars(part), name)
        for path, part in module.named_modules()
        for name, value in vars(part).items()
        if not name.startswith("_") and _tensors(value)
    ]
    values = [place[name] for _, place, name in held]
    for _, place, name in held:
        place[name] = None
    try:
        call()
    # A user's forward can raise anything, and then it is not for these.
    except Exception:
        return
    finally:
        for (_, place, name), value in zip(held, values, strict=True):
            place[name] = value
    if held:
        shown = (f"{path}.{name}".lstrip(".") for path, _, name in held)
        told = ", ".join(f"{path} {tuple(_tensors(value)[0].shape)}" for path, value in zip(shown, values, strict=True))
        raise ModelRefused(
            f"{type(module).__name__}: fails on the example with what it holds in {told}, and runs without; reset it "
            "before the export"
        )


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, Tensor)]


def _equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
