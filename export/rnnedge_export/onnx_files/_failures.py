"""What onnxruntime says when a graph fails, in one line that names the node."""

from __future__ import annotations

import re

_NODE = re.compile(r"running (\w+) node\. Name:'([^']*)' Status Message: (.*)", re.DOTALL)
_MOST = 200


def failure(error: Exception) -> str:
    """Such as "node 'encoder/reshape' (Reshape): the input tensor cannot be reshaped to the requested shape"."""
    text = " ".join(str(error).split())
    found = _NODE.search(text)
    if not found:
        return text.rsplit("] : ", 1)[-1][:_MOST] or type(error).__name__
    operator, name, reason = found.groups()
    # In front of the reason: the file, line and function of onnxruntime, and the condition that does not hold.
    reason = reason.rpartition(" was false. ")[2].strip() or reason
    place = f"node {name!r} ({operator})" if name else f"a {operator}"
    return f"{place}: {reason[:_MOST].rstrip('. ')}"
