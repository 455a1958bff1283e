"""Write a .tflite file operator by operator, by the object API of the schema that LiteRT ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from rnnedge_runtime.contract import Array

_ALIGNMENT = 16


class File:
    """Subgraphs that share buffers and operator codes; the first one is what `invoke` runs."""

    def __init__(self) -> None:
        # Buffer 0 is the empty one, which every tensor that is computed names.
        self.buffers = [schema.BufferT()]
        self.codes: list[int] = []
        self._subgraphs: list[Subgraph] = []

    def subgraph(self) -> Subgraph:
        """A new one, numbered in the order of these calls."""
        self._subgraphs.append(Subgraph(self))
        return self._subgraphs[-1]

    def packed(self) -> bytes:
        """The file."""
        model = schema.ModelT(
            version=3,
            operatorCodes=[schema.OperatorCodeT(min(c, 127), None, 1, c) for c in self.codes],
            subgraphs=[graph.table() for graph in self._subgraphs],
            buffers=self.buffers,
        )
        builder = flatbuffers.Builder(sum(b.data.nbytes for b in self.buffers[1:]) + (1 << 14))
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


class Subgraph:
    """Tensors are their indices; those that are not constant are float32 rows (1, width)."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._tensors: list[schema.TensorT] = []
        self._operators: list[schema.OperatorT] = []
        self._inputs: list[int] = []
        self._outputs: list[int] = []

    def input(self, width: int) -> int:
        """What a caller gives."""
        self._inputs.append(self._tensor((1, width)))
        return self._inputs[-1]

    def outputs(self, tensors: Sequence[int]) -> None:
        """What a caller gets."""
        self._outputs = list(tensors)

    def constant(self, values: Array) -> int:
        """float32 or int32, of any shape."""
        kind = schema.TensorType.INT32 if values.dtype == np.int32 else schema.TensorType.FLOAT32
        self._file.buffers.append(_Constant(np.ascontiguousarray(values).reshape(-1).view(np.uint8)))
        return self._tensor(values.shape, kind, len(self._file.buffers) - 1)

    def variable(self, name: str) -> int:
        """The handle of what keeps its value from one call to the next, in all subgraphs of the file the same."""
        handle = self._tensor((), schema.TensorType.RESOURCE)
        self._add("VAR_HANDLE", [], [handle], {"sharedName": name})
        return handle

    def do(self, kind: str, inputs: Sequence[int], *widths: int, **options: object) -> list[int]:
        """Add an operator by its name in the schema; returns its outputs, one for each width."""
        outputs = [self._tensor((1, width)) for width in widths]
        self._add(kind, inputs, outputs, options)
        return outputs

    def linear(self, x: int, weights: Array, bias: Array) -> int:
        """weights (units, features), bias (units): a row of units."""
        (y,) = self.do("FULLY_CONNECTED", [x, self.constant(weights), self.constant(bias)], len(weights))
        return y

    def split(self, x: int, parts: int) -> list[int]:
        """Parts of equal width."""
        axis, width = self.constant(np.array(1, np.int32)), self._width(x) // parts
        return self.do("SPLIT", [axis, x], *[width] * parts, numSplits=parts)

    def joined(self, *rows: int) -> int:
        """One after another."""
        (y,) = self.do("CONCATENATION", rows, sum(map(self._width, rows)), axis=1)
        return y

    def of(self, kind: str, *rows: int) -> int:
        """Value by value: LOGISTIC, TANH, ADD, SUB, MUL."""
        (y,) = self.do(kind, rows, self._width(rows[0]))
        return y

    def table(self) -> schema.SubGraphT:
        """As the schema has it."""
        return schema.SubGraphT(self._tensors, self._inputs, self._outputs, self._operators)

    def _tensor(self, shape: Sequence[int], kind: int = schema.TensorType.FLOAT32, buffer: int = 0) -> int:
        self._tensors.append(schema.TensorT(list(shape), kind, buffer, f"tensor {len(self._tensors)}"))
        return len(self._tensors) - 1

    def _width(self, tensor: int) -> int:
        width: int = self._tensors[tensor].shape[1]
        return width

    def _add(self, kind: str, inputs: Sequence[int], outputs: list[int], options: Mapping[str, object]) -> None:
        code, codes = getattr(schema.BuiltinOperator, kind), self._file.codes
        if code not in codes:
            codes.append(code)
        operator = schema.OperatorT(codes.index(code), list(inputs), outputs)
        name = "".join(word.title() for word in kind.split("_")) + "Options"
        # LOGISTIC and TANH have none.
        if hasattr(schema, f"{name}T"):
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            operator.builtinOptions = getattr(schema, f"{name}T")(**options)
        self._operators.append(operator)


class _Constant(schema.BufferT):  # type: ignore[misc]
    """The object API packs bytes anywhere; the schema wants them aligned."""

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        builder.Prep(_ALIGNMENT, self.data.nbytes)
        return super().Pack(builder)
