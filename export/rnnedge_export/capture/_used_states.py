"""What a module holds of sequences that it has seen before its export: few want streams to begin in their middle."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_export.capture._held_values import leaves, mapped
from rnnedge_runtime.errors import ModelRefused


class UsedStateWarning(UserWarning):
    """Streams of an export start from what an earlier call has left on the module."""


def used(values: Mapping[str, Any], results: Callable[[Mapping[str, Any]], list[Tensor]]) -> list[str]:
    """Those of `values` on a module, by their paths, that are not 0 and that a result depends on.

    `results`: what a call gives where the values of its argument stand in place of those on the module.
    """
    zeros = {path: zero for path, value in values.items() if (zero := _zero(value)) is not None}
    before = results({}) if zeros else []
    return [path for path, value in zeros.items() if not _equal(results({path: value}), before)]


def _zero(value: Any) -> Any:
    """The same of zeros, numbers too; None if it is that."""
    changed = False

    def zero(leaf: Any) -> Any:
        nonlocal changed
        number = type(leaf) in (int, float)
        changed = changed or (bool(leaf) if number else isinstance(leaf, Tensor) and bool(leaf.any()))
        return torch.zeros_like(leaf) if isinstance(leaf, Tensor) else 0 * leaf if number else leaf

    found = mapped(value, zero)
    return found if changed else None


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
        if not name.startswith("_") and leaves(value)
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
        told = ", ".join(f"{path} {tuple(leaves(value)[0].shape)}" for path, value in zip(shown, values, strict=True))
        raise ModelRefused(
            f"{type(module).__name__}: fails on the example with what it holds in {told}, and runs without; reset it "
            "before the export"
        )


def _equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
