"""Which tensors a module computes of its own weights and buffers alone, such as `self.inited` or `self.scale.exp()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from rnnedge_export.capture._held_values import leaves


class OfConstants(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows them through a call. What is written in place is none of them from there on.

    It keeps what is computed of them, since another tensor could get the identity of one that is gone.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        held = [*module.parameters(), *module.buffers()]
        for part in module.modules():
            held += leaves({name: value for name, value in vars(part).items() if not name.startswith("_")})
        self._seen: dict[int, Tensor] = {id(one): one for one in held}

    def holds(self, value: object) -> bool:
        """Whether there are tensors in `value`, and all of them are constants."""
        tensors = [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, Tensor)]
        return bool(tensors) and all(id(leaf) in self._seen for leaf in tensors)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run it; what it gives is a constant if all that it reads is."""
        found = func(*args, **(kwargs or {}))
        given = [leaf for leaf in pytree.tree_leaves(found) if isinstance(leaf, Tensor)]
        schema = func._schema  # type: ignore[attr-defined]
        if schema.is_mutable:
            for leaf in given:
                self._seen.pop(id(leaf), None)
        elif self.holds((args, kwargs)) and torch.Tag.nondeterministic_seeded not in func.tags:  # type: ignore[attr-defined]
            self._seen.update({id(leaf): leaf for leaf in given})
        return found
