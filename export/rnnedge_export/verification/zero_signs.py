"""The sign of a bin that holds nothing: a spectrum of exact zeros has signs by chance, and a phase shows them.

A Fourier transform of silence is +0 or -0 by the order of its sums, which every program chooses for itself; the angle
of such a bin is 0 or pi. So a value of the source that changes with these signs alone is not determined by its input.
Nothing else is touched: a bin that holds a real number has an imaginary part of exactly +0, and its phase is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

SIGNS = ((0.0, 0.0), (0.0, -0.0), (-0.0, 0.0), (-0.0, -0.0))
"""Of the real and the imaginary part."""


class ZeroSigns(TorchFunctionMode):
    """While it is entered, every bin of a transform that is exactly zero has these signs.

    `transforms`: whether there was one; `zeros`: whether one of its bins was zero, else nothing was changed.
    """

    def __init__(self, real: float, imaginary: float) -> None:
        """As of one pair of `SIGNS`."""
        super().__init__()
        self._zero = torch.complex(torch.tensor(real), torch.tensor(imaginary))
        self.transforms = self.zeros = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Of `torch.fft` and `torch.stft`; everything else as it is."""
        found = func(*args, **(kwargs or {}))
        if not (_is_transform(func) and isinstance(found, Tensor) and found.is_complex()):
            return found
        empty = found == 0
        self.transforms, self.zeros = True, self.zeros or bool(empty.any())
        return torch.where(empty, self._zero.to(found.dtype), found)


def _is_transform(func: Callable[..., Any]) -> bool:
    name = getattr(func, "__name__", "")
    return name.removesuffix("n").removesuffix("2").endswith("fft") or name == "stft"
