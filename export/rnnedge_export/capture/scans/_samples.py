"""The values of a captured graph for random inputs, of two sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._guards import detect_fake_mode
from torch.fx import Interpreter, Node

from rnnedge_export.capture.loops import Unrolled

_KEPT = 2
_LARGEST = 1 << 22


class Samples:
    """What each node of a capture gives, of every axis of the batch the first two.

    `inputs`: as the module takes them, of random numbers.
    """

    def __init__(self, unrolled: Unrolled, inputs: Sequence[Tensor], length: int) -> None:
        self.unrolled, self.length, self.batch = unrolled, length, unrolled.batch
        self._found: dict[Node, Tensor] = {}
        weights = [tensor.detach() for _, tensor in unrolled.weights.values()]
        self._run(weights, inputs)
        self.given = _following(unrolled)

    def _run(self, weights: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
        samples = self

        class Keeping(Interpreter):
            def run_node(self, n: Node) -> Any:
                value = super().run_node(n)
                samples._keep(n, value)
                return value

        with torch.no_grad():
            Keeping(self.unrolled.module).run(*weights, *inputs, enable_io_processing=False)

    def _keep(self, node: Node, value: Any) -> None:
        if not isinstance(value, Tensor):
            return
        for axis, size in enumerate(value.shape):
            if size == self.batch:
                value = value.narrow(axis, 0, _KEPT)
        if value.numel() <= _LARGEST:
            self._found[node] = value.detach().clone()

    def of(self, node: Node) -> Tensor | None:
        """The value of a node, None if it is no tensor or too large."""
        return self._found.get(node)

    def fake(self, tensor: Tensor) -> Tensor:
        """As the values of the capture are."""
        mode = detect_fake_mode([node.meta["val"] for node in self.unrolled.inputs])
        assert mode is not None
        return mode.from_tensor(tensor, static_shapes=True)

    def depends(self, node: Node) -> bool:
        """Whether a node follows from an input of the module."""
        return node in self.given


def _following(unrolled: Unrolled) -> set[Node]:
    found = set(unrolled.inputs)
    for node in unrolled.module.graph.nodes:
        if any(each in found for each in node.all_input_nodes):
            found.add(node)
    return found


def close(a: Tensor, b: Tensor) -> bool:
    """Whether two samples are equal up to rounding."""
    if a.shape != b.shape or not (a.isfinite().all() and b.isfinite().all()):
        return False
    size = max(float(b.abs().max()), 1e-6) if b.numel() else 0.0
    return b.numel() > 0 and float((a - b).abs().max()) <= 2e-4 * size
