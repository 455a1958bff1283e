"""Where a gradient can be followed to: the input itself, or for tokens what their embedding makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge.explain._from_module import Watched
from rnnedge_runtime.contract import Array


@dataclass(frozen=True, eq=False)
class Way:
    """x float32 (1, time, ...), and the outputs as a function of such values (batch, time, ...).

    `begins`: the values for other frames (time, ...), such as those of a baseline.
    """

    x: Tensor
    begins: Callable[[Array], Tensor]
    outputs: Callable[[Tensor], Mapping[str, Tensor]]


def way_of(watched: Watched) -> Way | None:
    """Of the input where it is numbers, else of the first `torch.nn.Embedding` that reads it; None where none does."""
    if watched.x.is_floating_point():
        return Way(watched.x, lambda frames: torch.from_numpy(frames.copy())[None], watched.outputs)
    embedding = _embedding(watched)
    if embedding is None:
        return None

    def outputs(values: Tensor) -> Mapping[str, Tensor]:
        handle = embedding.register_forward_hook(lambda *_: values)
        try:
            return watched.outputs(watched.x.expand(len(values), *watched.x.shape[1:]))
        finally:
            handle.remove()

    def begins(frames: Array) -> Tensor:
        with torch.no_grad():
            return embedding(torch.from_numpy(frames.copy())[None])  # type: ignore[no-any-return]

    return Way(begins(watched.x[0].numpy()), begins, outputs)


def _embedding(watched: Watched) -> nn.Embedding | None:
    """The first one that is called with the tokens as they are."""
    found: list[nn.Embedding] = []

    def keep(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        if isinstance(module, nn.Embedding) and arguments[0] is not None and torch.equal(arguments[0], watched.x):
            found.append(module)

    parts = [part for part in watched.module.modules() if isinstance(part, nn.Embedding)]
    handles = [part.register_forward_pre_hook(keep) for part in parts]
    try:
        with torch.no_grad():
            watched.outputs(watched.x)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if len(found) == 1 else None
