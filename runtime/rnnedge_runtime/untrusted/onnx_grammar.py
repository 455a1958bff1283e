"""The part of onnx.proto (IR version 10) that a file of rnnedge may have; names and numbers are those of onnx.proto.

No functions, no training, no sparse or external tensors, no numbers outside `raw_data`, no sequences, maps or optional
types, no doc strings or annotations: nothing here reads them, so nothing may hide in them.
"""

from __future__ import annotations

from rnnedge_runtime.protobuf_reader import Grammar

MODEL = Grammar("ModelProto")
GRAPH = Grammar("GraphProto")
NODE = Grammar("NodeProto")
ATTRIBUTE = Grammar("AttributeProto")
TENSOR = Grammar("TensorProto")
VALUE = Grammar("ValueInfoProto")
TYPE = Grammar("TypeProto")
TENSOR_TYPE = Grammar("TypeProto.Tensor")
SHAPE = Grammar("TensorShapeProto")
DIMENSION = Grammar("TensorShapeProto.Dimension")
ENTRY = Grammar("StringStringEntryProto")
OPSET = Grammar("OperatorSetIdProto")

FORBIDDEN = {
    ("ModelProto", 20): "training information",
    ("ModelProto", 25): "functions",
    ("ModelProto", 26): "a device configuration",
    ("GraphProto", 15): "a sparse tensor",
    ("AttributeProto", 10): "an array of graphs",
    ("AttributeProto", 21): "an attribute of a function",
    ("AttributeProto", 22): "a sparse tensor",
    ("AttributeProto", 23): "sparse tensors",
    ("TensorProto", 4): "numbers outside raw_data",
    ("TensorProto", 5): "numbers outside raw_data",
    ("TensorProto", 6): "a tensor of strings",
    ("TensorProto", 7): "numbers outside raw_data",
    ("TensorProto", 10): "numbers outside raw_data",
    ("TensorProto", 11): "numbers outside raw_data",
    ("TensorProto", 13): "data in another file (external data)",
    ("TensorProto", 14): "data in another file (external data)",
    ("TypeProto", 4): "a sequence",
    ("TypeProto", 5): "a map",
    ("TypeProto", 7): "an opaque type",
    ("TypeProto", 8): "a sparse tensor",
    ("TypeProto", 9): "an optional type",
}

MODEL.add(1, "ir_version", "int")
MODEL.add(2, "producer_name", "text")
MODEL.add(3, "producer_version", "text")
MODEL.add(7, "graph", GRAPH)
MODEL.add(8, "opset_import", OPSET, repeated=True)
MODEL.add(14, "metadata_props", ENTRY, repeated=True)

ENTRY.add(1, "key", "text")
ENTRY.add(2, "value", "blob")

OPSET.add(1, "domain", "text")
OPSET.add(2, "version", "int")

GRAPH.add(1, "node", NODE, repeated=True)
GRAPH.add(2, "name", "text")
GRAPH.add(5, "initializer", TENSOR, repeated=True)
GRAPH.add(11, "input", VALUE, repeated=True)
GRAPH.add(12, "output", VALUE, repeated=True)
GRAPH.add(13, "value_info", VALUE, repeated=True)

NODE.add(1, "input", "text", repeated=True)
NODE.add(2, "output", "text", repeated=True)
NODE.add(3, "name", "text")
NODE.add(4, "op_type", "text")
NODE.add(5, "attribute", ATTRIBUTE, repeated=True)
NODE.add(7, "domain", "text")

ATTRIBUTE.add(1, "name", "text")
ATTRIBUTE.add(2, "f", "float")
ATTRIBUTE.add(3, "i", "int")
ATTRIBUTE.add(4, "s", "blob")
ATTRIBUTE.add(5, "t", TENSOR)
ATTRIBUTE.add(6, "g", GRAPH)
ATTRIBUTE.add(7, "floats", "float", repeated=True)
ATTRIBUTE.add(8, "ints", "int", repeated=True)
ATTRIBUTE.add(9, "strings", "blob", repeated=True)
ATTRIBUTE.add(20, "type", "int")

TENSOR.add(1, "dims", "int", repeated=True)
TENSOR.add(2, "data_type", "int")
TENSOR.add(8, "name", "text")
TENSOR.add(9, "raw_data", "blob")

VALUE.add(1, "name", "text")
VALUE.add(2, "type", TYPE)

TYPE.add(1, "tensor_type", TENSOR_TYPE)

TENSOR_TYPE.add(1, "elem_type", "int")
TENSOR_TYPE.add(2, "shape", SHAPE)

SHAPE.add(1, "dim", DIMENSION, repeated=True)

DIMENSION.add(1, "dim_value", "int")
DIMENSION.add(2, "dim_param", "text")
