"""The operators that a file may use, and what each of them may say: one row per operator, one family per file.

The strict loader asks this table before onnxruntime sees a file, the native compiler before it writes C. What the table
does not allow is refused; so nothing behind it has to expect a negative stride or a hidden size that the weights lack.

What a row says
1. `attributes`: every attribute that the operator may have, with its kind (`attributes.py`), bounds, allowed words, and
   whether it must be there. An attribute that the row does not name is refused.
2. `inputs` and `outputs`: how many, and which of them may be left out by an empty name. The last input is never empty.
3. `result`: the data types of the outputs, from those of the inputs. None stands for what nobody knows.
4. `check`: what relates attributes, shapes, types and constants of one node. It compares what is known and passes over
   what is not: the strict loader knows initializers, graph inputs and value infos, the compiler knows every shape.

5. `shapes`: the shapes of the outputs, from shapes, attributes and constants of the inputs, which it compares on the
   way. Dims that are not known stay so.

How to add a rule: write `def _gru(node: Node) -> None` in the file of the family, call `node.refuse(expected, found)`
where something contradicts, and name it as `check=` of the row. A shape is a tuple of dims, each None where unknown.
Bounds that need no other input belong into `attributes`, not into a check.

How to ask: make a `Node` (from protobuf: `untrusted/_node_reader.py`) and call `check_node`. `ModelRefused` starts with
the node's `place`.
"""

from rnnedge_runtime.untrusted.operator_table import (
    arithmetic,
    control,
    convolution,
    elementwise,
    indexing,
    layout,
    normalization,
    pooling,
    products,
    quantized,
    recurrent,
    reductions,
    sampling,
)
from rnnedge_runtime.untrusted.operator_table.allowed import FILLS
from rnnedge_runtime.untrusted.operator_table.elementwise import TYPES
from rnnedge_runtime.untrusted.operator_table.node import Body, Node, Shape
from rnnedge_runtime.untrusted.operator_table.table import Shapes, check_node, operators, result_shapes, result_types

FAMILIES = (
    arithmetic,
    control,
    convolution,
    elementwise,
    indexing,
    layout,
    normalization,
    pooling,
    products,
    quantized,
    recurrent,
    reductions,
    sampling,
)

__all__ = [
    "FAMILIES",
    "FILLS",
    "TYPES",
    "Body",
    "Node",
    "Shape",
    "Shapes",
    "check_node",
    "operators",
    "result_shapes",
    "result_types",
]
