"""Write a message that was read, and perhaps changed, as protobuf again; by the same grammar."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from typing import Any

from rnnedge_runtime.protobuf_reader import Grammar, Message


def write(grammar: Grammar, message: Message) -> bytes:
    """The bytes of `message`; its fields in the order of the grammar."""
    return b"".join(_parts(grammar, message))


def _parts(grammar: Grammar, message: Message) -> Iterator[bytes | memoryview]:
    for tag, field in grammar.fields.items():
        if field.name in message:
            value = message[field.name]
            for one in value if field.repeated else (value,):
                yield _varint(tag)
                yield from _value(field.kind, one)


def _value(kind: str | Grammar, value: Any) -> Iterator[bytes | memoryview]:
    if kind == "int":
        yield _varint(value)
    elif kind == "float":
        yield pack("<f", value)
    else:
        data = write(kind, value) if isinstance(kind, Grammar) else value.encode() if kind == "text" else value
        yield _varint(len(data))
        yield data


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes((*data, value))
