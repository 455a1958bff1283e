"""Casts that PyTorch makes without a word, as operators: `x + 1` of whole numbers, a float32 times a float64.

torch.onnx computes every shape of the program again to find them. Here a shape is the one that the trace found,
and only what was given another type is computed again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx._internal.fx.passes import InsertTypePromotion, type_promotion


def insert_casts(module: torch.fx.GraphModule) -> None:
    """As torch.onnx inserts them, in place, and in the bodies of scans and branches."""
    for part in module.modules():
        if isinstance(part, torch.fx.GraphModule):
            inserting = InsertTypePromotion(part)
            inserting.interpreter = _Interpreter(part, inserting.interpreter.type_promotion_table)
            inserting.run()


class _Interpreter(type_promotion._TypePromotionInterpreter):
    def run_node(self, n: torch.fx.Node) -> Any:
        """What the trace found of the node, or what its cast inputs give."""
        with self._set_current_node(n):
            rule = type_promotion.get_type_promotion_rule(n, self.type_promotion_table)
            if rule is not None:
                self._maybe_promote_node(n, rule)
        known = n.op == "call_function" and n.meta.get("val") is not None
        return n.meta["val"] if known else torch.fx.Interpreter.run_node(self, n)
