"""What torch's exporters say: their warnings are silenced, and of their errors one line is kept."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def quiet() -> Iterator[None]:
    """torch's exporter warns about its own internals, in forms that change between versions; a refusal is an error.

    It prints the graph that it has so far when it fails.
    """
    # What traces is half of an import of torch, and reading a file needs none of it.
    from torch.export import _trace

    torch_logger = logging.getLogger("torch")
    level = torch_logger.level
    torch_logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), patch.object(_trace, "print", lambda *_, **__: None, create=True):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch_logger.setLevel(level)


def reason_of(error: BaseException) -> str:
    """The one line of an exporter's message that says what happened."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in lines:
        if fixed := re.search(r"(batch|time) as dynamic but your code specialized it to be a constant \((\d+)\)", line):
            return f"the code fixes the {'batch size' if fixed[1] == 'batch' else 'sequence length'} to {fixed[2]}"
    if limit := re.search(r"time = Dim\('time',.*max=(\d+)\)", str(error)):
        return f"the code takes at most {limit[1]} frames"
    telling = [line for line in lines if re.search(r"inferred|specializ|constraint|Unsupported|No ONNX function", line)]
    return (telling or lines or [type(error).__name__])[0][:300]
