"""Operators with any number of inputs and outputs, whose attributes say how many.

onnxruntime compares the others with their definition. Of these it believes the attribute: a `Split` into three that
says two ends the process while the file is opened (onnxruntime 1.32).
"""

from __future__ import annotations

from rnnedge_runtime.careful.wire import Message
from rnnedge_runtime.errors import ModelRefused


def check_variadic(node: Message, place: str) -> None:
    """Raise `ModelRefused` unless the node has as many inputs and outputs as its attributes say.

    1. `Split` writes `num_outputs`, where it says so.
    2. `Scan` has at least its `num_scan_inputs`, and its body takes and gives as many values as the node.
    """
    inputs, outputs = len(node.get("input", ())), len(node.get("output", ()))
    attributes = {attribute.get("name"): attribute for attribute in node.get("attribute", ())}
    if node.get("op_type") == "Split" and "num_outputs" in attributes:
        _expect(outputs, attributes["num_outputs"].get("i", 0), "outputs", place)
    if node.get("op_type") == "Scan":
        body = attributes.get("body", {}).get("g", {})
        _expect(len(body.get("input", ())), inputs, "inputs of its body", place)
        _expect(len(body.get("output", ())), outputs, "outputs of its body", place)
        scanned = attributes.get("num_scan_inputs", {}).get("i", 0)
        if not 1 <= scanned <= inputs:
            raise ModelRefused(f"{place}: expected 1 to {inputs} scanned inputs, found {scanned}")


def _expect(found: int, expected: int, what: str, place: str) -> None:
    if found != expected:
        raise ModelRefused(f"{place}: expected {expected} {what}, found {found}")
