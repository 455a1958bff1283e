"""`torch.distributions` within a module: its parameters and results are what its formulas give.

1. Without its checks of values, which compute nothing, and which a tracer cannot answer.
2. Its properties are computed with gradients, which the graph of a network does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch


@contextmanager
def plain_distributions() -> Iterator[None]:
    """Cases 1 and 2."""
    unchecked = patch.object(torch.distributions.Distribution, "_validate_args", False)
    with unchecked, patch.object(torch, "enable_grad", torch.no_grad):
        yield
