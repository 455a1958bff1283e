"""Einsum as transposes, products, and sums."""

from __future__ import annotations

from math import prod
from string import ascii_letters

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace
from rnnedge_export.graph.shaped_builder import ShapedBuilder, shape_of


def einsum(node: ir.Node, builder: GraphBuilder) -> None:
    """ONNX operator specification, Einsum-12.

    1. A label of one operand alone is summed away first.
    2. Labels of both operands and the output are batches of the product, those of one operand rows or columns, those
       that the output lacks are contracted. Two operands without a contraction are multiplied.
    3. A constant operand without batches is one matrix, with all its columns side by side.
    4. An ellipsis is as many labels as its operands have axes for it; a result that is not named has it, and the
       labels that occur once.
    5. Of more than two operands, one after the other is multiplied with the product of those before.
    6. Ellipses of several lengths and a label twice in one operand are left as they are.
    """
    values = [value for value in node.inputs if value is not None]
    if any(value.shape is None for value in values):
        return
    found = _labels(node.attributes["equation"].as_string(), [len(shape_of(value)) for value in values])
    if found is None or any(len(set(term)) < len(term) for term in (*found[0], found[1])):
        return
    terms, out = found
    write = ShapedBuilder(builder, node.outputs[0])
    others = [set("".join(terms[:i] + terms[i + 1 :])) | set(out) for i in range(len(terms))]
    for i, term in enumerate(terms):
        values[i], terms[i] = _summed(values[i], term, others[i], write, builder)
    result, labels = values[0], terms[0]
    for i, (value, term) in enumerate(zip(values[1:], terms[1:], strict=True), 2):
        kept = "".join(c for c in dict.fromkeys(labels + term) if c in out or c in "".join(terms[i:]))
        result, labels = _product(result, labels, value, term, out if i == len(terms) else kept, write)
    replace(node, builder, [write.transposed(result, [labels.index(label) for label in out])])


def _labels(equation: str, ranks: list[int]) -> tuple[list[str], str] | None:
    """Case 4: the labels of each operand and of the result, without ellipses; None for ellipses of several lengths."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        out = "..." * ("..." in left) + "".join(c for c in sorted({*left} - {*",."}) if left.count(c) == 1)
    axes = {rank - len(term) + 3 for term, rank in zip(terms, ranks, strict=True) if "..." in term}
    if len(axes) > 1:
        return None
    free = [letter for letter in ascii_letters if letter not in equation]
    ellipsis = "".join(free[: axes.pop() if axes else 0])
    return [term.replace("...", ellipsis) for term in terms], out.replace("...", ellipsis)


def _summed(
    value: ir.Value, term: str, kept: set[str], write: ShapedBuilder, builder: GraphBuilder
) -> tuple[ir.Value, str]:
    """Case 1."""
    gone = [i for i, label in enumerate(term) if label not in kept]
    if not gone:
        return value, term
    shape = [d for i, d in enumerate(shape_of(value)) if i not in gone]
    return write.op("ReduceSum", shape, value, builder.ints(*gone), keepdims=0), "".join(c for c in term if c in kept)


def _product(a: ir.Value, la: str, b: ir.Value, lb: str, out: str, write: ShapedBuilder) -> tuple[ir.Value, str]:
    """Cases 2 and 3: the product, and the labels of its axes."""
    if constant(a) is not None and constant(b) is None:
        a, la, b, lb = b, lb, a, la
    dims = dict(zip(lb + la, shape_of(b) + shape_of(a), strict=True))
    both = [c for c in la if c in lb and c in out]
    inner = [c for c in la if c in lb and c not in out]
    rows, columns = [c for c in la if c not in lb], [c for c in lb if c not in la]
    if not inner:
        return _multiplied(a, la, b, lb, out, write)
    sizes = [dims[c] for c in inner]
    weights = constant(b)
    fixed = [d for d in sizes if isinstance(d, int)]
    if weights is not None and not both and len(fixed) == len(sizes):
        matrix = weights.transpose([lb.index(c) for c in inner + columns]).reshape(prod(fixed), -1)
        x = write.transposed(a, [la.index(c) for c in rows + inner])
        x = write.tail(x, len(rows), [prod(fixed)])
        shape = [dims[c] for c in rows]
        y = write.op("MatMul", [*shape, matrix.shape[1]], x, write.const(np.ascontiguousarray(matrix)))
        return write.tail(y, len(rows), [int(dims[c]) for c in columns]), "".join(rows + columns)
    if len(fixed) < len(sizes) and len(inner) > 1:
        return _multiplied_and_summed(a, la, b, lb, inner, out, write)
    (*above, row), (*across, column) = rows or [""], columns or [""]
    lead = len(both) + len(above) + len(across)
    x = write.transposed(a, [la.index(c) for c in [*both, *above, *filter(None, [row]), *inner]])
    x = write.tail(x, len(both) + len(rows), [prod(fixed)]) if len(inner) > 1 else x
    x = write.unsqueezed(x, [*range(len(both) + len(above), lead), *([] if row else [lead])])
    y = write.transposed(b, [lb.index(c) for c in [*both, *across, *inner, *filter(None, [column])]])
    if len(inner) > 1:
        y = write.tail(y, len(both) + len(across), [prod(fixed), *([int(dims[column])] if column else [])])
    y = write.unsqueezed(y, [*range(len(both), len(both) + len(above)), *([] if column else [lead + 1])])
    order = [*both, *above, *across]
    shape = [dims[c] for c in order] + [dims[row] if row else 1, dims[column] if column else 1]
    z = write.op("MatMul", shape, x, y)
    z = write.squeezed(z, [lead + i for i, c in enumerate((row, column)) if not c])
    return z, "".join([*order, row, column])


def _multiplied(a: ir.Value, la: str, b: ir.Value, lb: str, labels: str, write: ShapedBuilder) -> tuple[ir.Value, str]:
    """Case 2 without a contraction."""
    dims = dict(zip(lb + la, shape_of(b) + shape_of(a), strict=True))
    parts = []
    for value, term in ((a, la), (b, lb)):
        present = [c for c in labels if c in term]
        ordered = write.transposed(value, [term.index(c) for c in present])
        parts.append(write.unsqueezed(ordered, [i for i, c in enumerate(labels) if c not in term]))
    return write.op("Mul", [dims[c] for c in labels], *parts), labels


def _multiplied_and_summed(
    a: ir.Value, la: str, b: ir.Value, lb: str, inner: list[str], out: str, write: ShapedBuilder
) -> tuple[ir.Value, str]:
    """A contraction over sizes that are not all fixed."""
    product, labels = _multiplied(a, la, b, lb, out + "".join(inner), write)
    axes = np.arange(len(out), len(labels))
    return write.op("ReduceSum", shape_of(product)[: len(out)], product, write.const(axes), keepdims=0), out
