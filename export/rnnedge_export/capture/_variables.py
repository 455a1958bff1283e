"""`Variable(torch.zeros(...))`, as code before PyTorch 0.4 writes it, is its tensor: no trace follows a copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from torch.autograd import Variable


def _tensor(_: type, data: Any = None, *args: Any, **kwargs: Any) -> Any:
    return data


@contextmanager
def plain_variables() -> Iterator[None]:
    """While a module is captured."""
    with patch.object(type(Variable), "__call__", _tensor, create=True):
        yield
