"""What no rule can write is refused by name, with what to do instead."""

from __future__ import annotations

import re

import pytest
from one_node import Case, compiled

from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_runtime.errors import ModelRefused


def refused(case: Case, reason: str) -> None:
    """The case is one that onnxruntime runs, and its refusal names the node, `reason` and the fallback."""
    expected = case.expected()
    operator = f"{case.domain}::{case.op}" if case.domain else case.op
    with pytest.raises(ModelRefused) as found:
        compiled(case, expected, Weights())
    message = str(found.value)
    assert re.search(f"^native engine: {operator} 'node': .*{re.escape(reason)}.*; run the file with", message), message
    assert "\n" not in message
