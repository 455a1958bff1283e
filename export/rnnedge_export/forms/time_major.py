"""Give the graph time-major ports where that removes transposes: recurrences run over axis 0.

A module written batch-first transposes on the way into every recurrence and out of it. For a frame of a small network
each transpose costs as much as a layer. This pass makes the streamed input time-major, remembers of every value behind
a transpose that it is `Transpose(base, perm)` of one that was computed, and lets the permutation fall through:

1. Transpose: permutations compose, and vanish when they compose to the identity.
2. Elementwise operators, whose other operands are constants that reach only axes which the permutation leaves in
   place, or values under the same permutation: computed on the bases.
3. MatMul by a constant matrix, and normalizations over the last axis, where the permutation leaves that in place.
4. Gather of one index, Split and Concat, along any axis: along the same axis of the bases.
5. Any other reader gets the Transpose written out, which is always right.
6. An output under the swap of batch and time becomes time-major itself.

The result is taken only where fewer Transpose nodes remain than before.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder

_ELEMENTWISE = {
    "Abs", "Add", "Cast", "Ceil", "Celu", "Clip", "Cos", "Div", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid",
    "HardSwish", "Identity", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow", "Reciprocal", "Relu",
    "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Sub", "Tanh", "Where",
}  # fmt: skip
_LAST_AXIS = {"LayerNormalization", "RMSNormalization", "Softmax", "LogSoftmax"}
Perm = tuple[int, ...]


def time_major(model: ir.Model, axes: Mapping[str, tuple[int, int]]) -> tuple[ir.Model, frozenset[str]]:
    """Make ports of `model` time-major; `axes` gives (batch, time) of each streamed input and per-frame output.

    Returns the model to go on with, which is a changed clone or `model` itself, and the names of the ports whose batch
    and time axes are now swapped.
    """
    changed = model.clone()
    swapped = _Sinking(changed, axes).run()
    if _transposes(changed) < _transposes(model):
        return changed, swapped
    return model, frozenset()


def _transposes(model: ir.Model) -> int:
    return sum(node.op_type == "Transpose" for node in model.graph)


class _Sinking:
    """One run over one graph. `under[v] = (base, perm)` says that v equals Transpose(base, perm)."""

    def __init__(self, model: ir.Model, axes: Mapping[str, tuple[int, int]]) -> None:
        self.model, self.graph, self.axes = model, model.graph, axes
        self.builder = GraphBuilder(model)
        self.under: dict[ir.Value, tuple[ir.Value, Perm]] = {}
        self.written: dict[ir.Value, ir.Value] = {}

    def run(self) -> frozenset[str]:
        swapped: set[str | None] = {self._swap_input(v) for v in list(self.graph.inputs) if v.name in self.axes}
        for node in list(self.graph):
            if node.op_type == "Transpose" and node.inputs[0] not in self.under:
                self._start(node)
            elif any(v in self.under for v in node.inputs if v is not None):
                self._visit(node)
        for index, value in enumerate(list(self.graph.outputs)):
            if value in self.under:
                swapped.add(self._output(index, value))
        ir.passes.common.RemoveUnusedNodesPass()(self.model)
        ir.passes.common.TopologicalSortPass()(self.model)
        return frozenset(name for name in swapped if name)

    def _swap_input(self, value: ir.Value) -> str:
        """The input itself becomes the base; what its readers saw is its transpose."""
        name = str(value.name)
        assert value.shape is not None
        perm = _swap(len(value.shape), *self.axes[name])
        base = ir.Value(name=name, type=value.type, shape=ir.Shape(value.shape[i] for i in perm))
        seen = ir.Value(name=f"{name}_seen", type=value.type, shape=value.shape)
        self.graph.inputs[list(self.graph.inputs).index(value)] = base
        ir.convenience.replace_all_uses_with(value, seen)
        self.under[seen] = (base, perm)
        return name

    def _output(self, index: int, value: ir.Value) -> str | None:
        base, perm = self.under[value]
        name = str(value.name)
        if name in self.axes and perm == _swap(len(perm), *self.axes[name]) and not base.is_graph_output():
            value.name = f"{name}_seen"
            base.name = name
            self.graph.outputs[index] = base
            return name
        identity = perm == tuple(range(len(perm)))
        written = self._write(value) if not identity else self._copy(base)
        value.name = f"{name}_seen"
        written.name = name
        self.graph.outputs[index] = written
        return None

    def _start(self, node: ir.Node) -> None:
        """A Transpose of a value that stands as it was computed."""
        value = node.inputs[0]
        assert value is not None and value.shape is not None
        perm = node.attributes.get_ints("perm") or range(len(value.shape))[::-1]
        self.under[node.outputs[0]] = (value, tuple(perm))

    def _visit(self, node: ir.Node) -> None:
        rule = self._rule(node)
        if rule is None:
            for index, value in enumerate(node.inputs):
                if value is not None and value in self.under:
                    node.replace_input_with(index, self._write(value))
            return
        inputs, attributes, perm = rule
        self._record(node, inputs, attributes, perm)

    def _rule(self, node: ir.Node) -> tuple[list[ir.Value | None], dict[str, int], Perm] | None:
        """The operands to compute on, the attributes that change, and the permutation that remains; None: case 5."""
        if node.domain or (len(node.outputs) != 1 and node.op_type != "Split"):
            return None
        values = list(node.inputs)
        moved = [v for v in values if v is not None and v in self.under]
        perms = {self.under[v][1] for v in moved}
        if len(perms) != 1:
            return None
        perm = perms.pop()
        bases = [self.under[v][0] if v is not None and v in self.under else v for v in values]
        rank = len(perm)
        fixed = next((k for k in range(rank) if perm[rank - 1 - k] != rank - 1 - k), rank)
        others = [v for v in values if v is not None and v not in self.under]
        first = values[0] in self.under
        if node.op_type == "Transpose":
            outer = node.attributes.get_ints("perm") or range(rank)[::-1]
            return bases, {}, tuple(perm[i] for i in outer)
        if node.op_type in _ELEMENTWISE:
            small = all(v.shape is not None and len(v.shape) <= fixed for v in others)
            same = all(v.shape is None or len(v.shape) == rank for v in moved)
            return (bases, {}, perm) if small and same else None
        if node.op_type == "MatMul":
            matrix = values[1]
            plain = first and matrix is not None and matrix.shape is not None and len(matrix.shape) == 2
            return (bases, {}, perm) if plain and fixed >= 1 and len(moved) == 1 else None
        if node.op_type in _LAST_AXIS:
            last = node.attributes.get_int("axis", -1) in (-1, rank - 1)
            return (bases, {}, perm) if first and last and fixed >= 1 and len(moved) == 1 else None
        if node.op_type == "Gather" and first and others and others[0].shape is not None and not len(others[0].shape):
            axis = perm[node.attributes.get_int("axis", 0) % rank]
            rest = [p - (p > axis) for p in perm if p != axis]
            return bases, {"axis": axis}, tuple(rest)
        if node.op_type in ("Split", "Concat") and (node.op_type == "Split" or not others):
            return bases, {"axis": perm[node.attributes.get_int("axis", 0) % rank]}, perm
        return None

    def _record(self, node: ir.Node, inputs: list[ir.Value | None], attributes: dict[str, int], perm: Perm) -> None:
        identity = tuple(range(len(perm)))
        if node.op_type == "Transpose":
            results = [inputs[0]]
        else:
            kept = {k: v for k, v in node.attributes.items() if k not in attributes}
            attrs = [*kept.values(), *(ir.AttrInt64(k, v) for k, v in attributes.items())]
            copy = ir.Node("", node.op_type, inputs, attrs, num_outputs=len(node.outputs))
            self.builder.add(copy)
            results = list(copy.outputs)
            for new, old in zip(copy.outputs, node.outputs, strict=True):
                new.type = old.type
                if old.shape is not None:
                    new.shape = ir.Shape(old.shape[perm.index(i)] for i in identity)
            self.graph.insert_before(node, self.builder.take())
        for old, result in zip(node.outputs, results, strict=True):
            assert result is not None
            self.under[old] = (result, perm)
            if perm == identity and not old.is_graph_output():
                ir.convenience.replace_all_uses_with(old, result)

    def _copy(self, base: ir.Value) -> ir.Value:
        """The value itself, or an Identity of one that has a name of its own to keep."""
        if base.producer() is not None and not base.is_graph_output():
            return base
        result = self.builder.op("Identity", base)
        result.type, result.shape = base.type, base.shape
        for node in self.builder.take():
            self.graph.append(node)
        return result

    def _write(self, value: ir.Value) -> ir.Value:
        if value not in self.written:
            base, perm = self.under[value]
            result = self.builder.op("Transpose", base, perm=list(perm), hint="transposed")
            result.type, result.shape = value.type, value.shape
            nodes = self.builder.take()
            producer = base.producer()
            if producer is None:
                first = next(iter(self.graph))
                self.graph.insert_before(first, nodes)
            else:
                self.graph.insert_after(producer, nodes)
            self.written[value] = result
        return self.written[value]


def _swap(rank: int, batch: int, time: int) -> Perm:
    perm = list(range(rank))
    perm[batch], perm[time] = perm[time], perm[batch]
    return tuple(perm)
