"""Triton's `ModelConfig`, as far as a package has it: names and numbers of `model_config.proto`, read and written.

https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

_PACKAGE = "inference"
_TYPES = {"string": 9, "int32": 5, "int64": 3, "uint64": 4, "bool": 8}
_DATA_TYPES = {"BOOL": 1, "INT32": 8, "INT64": 9, "FP16": 10, "FP32": 11, "FP64": 12}
# Field -> (number, type, repeated); a type that is none of protobuf's is another message, or the enumeration.
_Fields = dict[str, tuple[int, str, bool]]
_MESSAGES: dict[str, _Fields] = {
    "ModelConfig": {
        "name": (1, "string", False),
        "max_batch_size": (4, "int32", False),
        "input": (5, "ModelInput", True),
        "output": (6, "ModelOutput", True),
        "sequence_batching": (13, "ModelSequenceBatching", False),
        "backend": (17, "string", False),
    },
    "ModelInput": {"name": (1, "string", False), "data_type": (2, "DataType", False), "dims": (4, "int64", True)},
    "ModelOutput": {"name": (1, "string", False), "data_type": (2, "DataType", False), "dims": (3, "int64", True)},
    "ModelSequenceBatching": {
        "max_sequence_idle_microseconds": (1, "uint64", False),
        "oldest": (4, "StrategyOldest", False),
        "state": (5, "State", True),
    },
    "StrategyOldest": {
        "max_candidate_sequences": (1, "int32", False),
        "max_queue_delay_microseconds": (3, "uint64", False),
    },
    "State": {
        "input_name": (1, "string", False),
        "output_name": (2, "string", False),
        "data_type": (3, "DataType", False),
        "dims": (4, "int64", True),
        "initial_state": (5, "InitialState", True),
    },
    "InitialState": {
        "data_type": (1, "DataType", False),
        "dims": (2, "int64", True),
        "zero_data": (3, "bool", False),
        "name": (5, "string", False),
    },
}
_NUMPY = {"bool": "BOOL", "int32": "INT32", "int64": "INT64", "float16": "FP16", "float32": "FP32", "float64": "FP64"}


def data_type(dtype: str) -> str:
    """Triton's name of a numpy dtype."""
    return f"TYPE_{_NUMPY[dtype]}"


def numpy_type(number: int) -> str:
    """The numpy dtype of a value of the enumeration `DataType`."""
    return next(dtype for dtype, name in _NUMPY.items() if _DATA_TYPES[name] == number)


def written(fields: dict[str, Any]) -> str:
    """The text of a config.pbtxt; `fields` are those of `ModelConfig`, by name."""
    from google.protobuf import json_format

    text: str = text_format.MessageToString(json_format.ParseDict(fields, _model_config()()))
    return text


def read(text: str) -> Any:
    """The message of a config.pbtxt; raises `ValueError` for a field that is not one."""
    try:
        return text_format.Parse(text, _model_config()())
    except text_format.ParseError as error:
        raise ValueError(f"config.pbtxt: {error}") from error


@cache
def _model_config() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="rnnedge/model_config.proto", package=_PACKAGE, syntax="proto3")
    values = file.enum_type.add(name="DataType").value
    for name, number in {"INVALID": 0, **_DATA_TYPES}.items():
        values.add(name=f"TYPE_{name}", number=number)
    for message, fields in _MESSAGES.items():
        added = file.message_type.add(name=message)
        for name, (number, kind, repeated) in fields.items():
            field = added.field.add(name=name, number=number, label=3 if repeated else 1)
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type = 14 if kind == "DataType" else 11
                field.type_name = f".{_PACKAGE}.{kind}"
    # A pool of its own: the official messages have the same names.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.ModelConfig"))
