"""Compute what is constant, and drop operations that change nothing: exactly, never nearly.

The rewrite rules of onnxscript's own optimizer match constants with a tolerance (1e-8, or 1e-5 of the constant), so it
takes `x + 1e-10` for `x + 0` and drops the epsilon of every logarithm of a silent frame. Its rules for two limits in a
row (`Clip(Clip(x, 0, 1), 2, 3)` is 2, its result 1), for one half after the other (of 5 features the larger one first)
and for casts in a row (which round once, not twice) change values as well. `_RULES` holds the others.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript.optimizer import fold_constants
from onnxscript.rewriter import RewritePass, RewriteRule
from onnxscript.rewriter.rules import common as rules

_NO_LIMIT = 1 << 40
# Each round sees what the one before has laid bare; most networks need two.
_ROUNDS = 8


def _is(wanted: float) -> Callable[..., bool]:
    """The scalar operand `c` is a constant of exactly this value."""

    def is_wanted(_context: Any, c: ir.Value, **_: Any) -> bool:
        return _scalar(c) == wanted

    return is_wanted


def _scalar(value: ir.Value) -> float | None:
    """The number of a constant without axes."""
    array = None if value.const_value is None else value.const_value.numpy()
    return None if array is None or array.ndim else array.item()


def _are_limits(_context: Any, low: ir.Value, high: ir.Value, **_: Any) -> bool:
    """Two numbers that do not cross: Clip gives the upper one of those that do, whichever came first."""
    lower, upper = _scalar(low), _scalar(high)
    return lower is not None and upper is not None and lower <= upper


def _clipped(op: Any, x: ir.Value, low: ir.Value, high: ir.Value, **_: Any) -> Any:
    return op.Clip(x, low, high)


def _operand(op: Any, x: ir.Value, **_: Any) -> Any:
    return op.Identity(x)


# Minus zero plus zero is zero, and this keeps the minus: as onnxruntime does, which drops the same operations.
_NO_OPS = (
    *RewriteRule(lambda op, x, c: op.Add(x, c), _operand, _is(0)).commute(),
    *RewriteRule(lambda op, x, c: op.Mul(x, c), _operand, _is(1)).commute(),
    RewriteRule(lambda op, x, c: op.Sub(x, c), _operand, _is(0)),
    RewriteRule(lambda op, x, c: op.Div(x, c), _operand, _is(1)),
)
# onnxscript's own call their constants by the name of `x`, so that two limits of one value overwrite each other.
_LIMITS = (
    RewriteRule(lambda op, x, low, high: op.Min(op.Max(x, low), high), _clipped, _are_limits),
    RewriteRule(lambda op, x, low, high: op.Max(op.Min(x, high), low), _clipped, _are_limits),
)
_RULES = (
    *_NO_OPS,
    *_LIMITS,
    rules.dropout_zero_rule,
    rules.dropout_inference_rule,
    rules.one_reshape_matmul_reshape_rule,
    rules.two_reshapes_matmul_reshape_rule,
    rules.cast_constant_of_shape_rule,
    rules.cast_constant_of_shape_without_value_rule,
    rules.collapse_slice_rule,
    rules.collapse_slice2_rule,
    rules.materialize_reshape_shape_rule,
    rules.no_op_cast_rule,
    rules.no_op_expand_rule,
    rules.flatten_to_reshape_rule,
    rules.reshape_reshape_rule,
    rules.no_op_transpose_rule,
    rules.transpose_transpose_rule,
    rules.unsqueeze_unsqueeze_rule,
    rules.squeeze_reshape_1d_rule,
    rules.no_op_dynamic_scatter_nd_rule,
    rules.no_op_static_scatter_nd_rule,
    rules.normalize_pad_format_conv_rule,
    rules.normalize_pad_format_conv_integer_rule,
    rules.fuse_pad_into_conv_rule,
    rules.fuse_pad_into_conv_integer_rule,
    rules.fuse_batchnorm_into_conv_rule,
    rules.fuse_batchnorm_into_conv_transpose_rule,
    rules.fuse_batchnorm_into_gemm_rule,
    rules.remove_optional_bias_from_conv_rule,
    rules.remove_optional_bias_from_conv_transpose_rule,
    rules.remove_optional_bias_from_gemm_rule,
    rules.remove_optional_bias_from_qlinear_conv_rule,
)


def _of_type(rule: RewriteRule) -> RewriteRule:
    """The rule, which is not asked about nodes of another type than the last one of its pattern; most are none."""
    last, made, rewrite = rule._target_pattern.output_node.op, copy(rule), rule.try_rewrite

    def rewrite_of_type(model: ir.Model, graph: ir.Graph | ir.Function, node: ir.Node, **given: Any) -> Any:
        return rewrite(model, graph, node, **given) if last.matches(node.op_type) else None

    made.try_rewrite = rewrite_of_type  # type: ignore[assignment, method-assign]

    return made


_OF_TYPE = tuple(_of_type(rule) for rule in _RULES)


def simplify(model: ir.Model) -> None:
    """Inline local functions, compute everything constant whatever its size, and drop what changes nothing."""
    common.InlinePass()(model)
    for _ in range(_ROUNDS):
        folded = fold_constants(
            model, onnx_shape_inference=True, input_size_limit=_NO_LIMIT, output_size_limit=_NO_LIMIT
        )
        rewritten = RewritePass(_OF_TYPE)(model)
        common.RemoveUnusedNodesPass()(model)
        common.RemoveUnusedOpsetsPass()(model)
        if not (folded.modified or rewritten.modified):
            break
    for tidy in (
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.LiftSubgraphInitializersToMainGraphPass(),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.OutputFixPass(),
        common.NameFixPass(),
    ):
        tidy(model)
