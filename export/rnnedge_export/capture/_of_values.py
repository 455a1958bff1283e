"""Which tensors a module computes of the values of its frames, and not of their sizes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

# What looks at the sizes of a tensor only.
_OF_SIZES = (
    "new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros",
    "empty_like", "full_like", "ones_like", "rand_like", "randn_like", "zeros_like",
)  # fmt: skip


class OfValues(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows frames through a call. What is written into a view of a tensor is not seen of the tensor itself.

    It keeps all that is computed of them, since another tensor could get the identity of one that is gone.
    """

    def __init__(self, frames: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seen = {id(one): one for one in frames}

    def holds(self, value: object) -> bool:
        """Whether a tensor in `value` is computed of frames."""
        return any(id(leaf) in self._seen for leaf in pytree.tree_leaves(value))

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run it; what it gives is of frames if something that it reads is."""
        found = func(*args, **(kwargs or {}))
        name = func.name().partition("::")[2].partition(".")[0]  # type: ignore[attr-defined]
        if name not in _OF_SIZES and self.holds((args, kwargs)):
            for leaf in pytree.tree_leaves(found):
                if isinstance(leaf, Tensor):
                    self._seen[id(leaf)] = leaf
        return found
