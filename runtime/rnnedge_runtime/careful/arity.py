"""Which inputs and outputs a node has: where onnxruntime believes what it should compare, and ends the process.

onnxruntime compares most nodes with the definition of their operator. Not so, in version 1.32, a `Split` into three
that says two, nor an optional input whose name is empty: `LayerNormalization` reads it while the file is opened.
"""

from __future__ import annotations

from rnnedge_runtime.careful.wire import Message
from rnnedge_runtime.errors import ModelRefused

# Where exporters leave out an input before another one; an input behind all others is left out by not naming it.
_MAY_LACK_INPUTS = ("GRU", "LSTM", "RNN", "Clip", "DynamicQuantizeLSTM", "MatMulNBits", "Pad", "Resize", "Slice")
_MAY_LACK_OUTPUTS = ("GRU", "LSTM", "RNN", "DynamicQuantizeLSTM")


def check_arity(node: Message, place: str) -> None:
    """Raise `ModelRefused` unless the node has the inputs and outputs that its kernel will use.

    1. An empty name stands for an input or output of a few operators only, and never for the last input.
    2. `Split` writes `num_outputs`, where it says so.
    3. `Scan` has at least its `num_scan_inputs`, and its body takes and gives as many values as the node.
    """
    operator, inputs, outputs = node.get("op_type", ""), node.get("input", ()), node.get("output", ())
    if "" in inputs and (operator not in _MAY_LACK_INPUTS or not inputs[-1]):
        raise ModelRefused(f"{place}: expected the name of every input of {operator}, found an empty one")
    if "" in outputs and operator not in _MAY_LACK_OUTPUTS:
        raise ModelRefused(f"{place}: expected the name of every output of {operator}, found an empty one")
    attributes = {attribute.get("name"): attribute for attribute in node.get("attribute", ())}
    if operator == "Split" and "num_outputs" in attributes:
        _expect(len(outputs), attributes["num_outputs"].get("i", 0), "outputs", place)
    if operator == "Scan":
        body = attributes.get("body", {}).get("g", {})
        _expect(len(body.get("input", ())), len(inputs), "inputs of its body", place)
        _expect(len(body.get("output", ())), len(outputs), "outputs of its body", place)
        scanned = attributes.get("num_scan_inputs", {}).get("i", 0)
        if not 1 <= scanned <= len(inputs):
            raise ModelRefused(f"{place}: expected 1 to {len(inputs)} scanned inputs, found {scanned}")


def _expect(found: int, expected: int, what: str, place: str) -> None:
    if found != expected:
        raise ModelRefused(f"{place}: expected {expected} {what}, found {found}")
