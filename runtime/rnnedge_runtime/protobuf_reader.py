"""Read a protobuf message by a closed grammar: what the grammar does not name, or names once, is refused.

An ordinary protobuf parser is lenient. It joins a graph that stands in a file twice, skips fields that it does not
know, and makes an object of a hundred bytes out of two. Here the bytes are read once, in order, and counted:

1. A field that the grammar does not name, or of another wire type, is refused. So nothing is in the file that was not
   looked at.
2. A field that stands once in the grammar stands once in the message: no two parsers can differ about which one counts.
3. A reader that `skips` passes over fields that the grammar does not name: it looks for a few in a file of our own.
4. Reading stops at `fields` fields and at `depth` messages within each other, however long the file is.

The encoding is that of the protobuf specification ("Encoding"); groups are not part of it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, NamedTuple

from rnnedge_runtime.errors import ModelRefused

Message = dict[str, Any]
"""Field name -> int, float, str, memoryview (a blob), Message, or a list of these where the field repeats."""

VARINT, BYTES, FIXED32 = 0, 2, 5
_FIXED = {1: 8, FIXED32: 4}
_FLOAT = Struct("<f")


class Field(NamedTuple):
    """`kind` is "int", "float", "text", "blob" (not copied), or the grammar of a message."""

    name: str
    kind: str | Grammar
    repeated: bool = False


@dataclass(frozen=True, eq=False)
class Grammar:
    """A kind of message: its name, and the fields it may have by tag, the number and wire type as the file has them."""

    name: str
    fields: dict[int, Field] = field(default_factory=dict)

    def add(self, number: int, name: str, kind: str | Grammar, repeated: bool = False) -> None:
        """Allow the field `name` with `number`; done while the grammar is written down."""
        wire = {"int": VARINT, "float": FIXED32}.get(kind, BYTES) if isinstance(kind, str) else BYTES
        self.fields[number << 3 | wire] = Field(name, kind, repeated)


@dataclass
class Reader:
    """Reads one file; `forbidden` says for (message, number) what a field is that gets a better word than unknown."""

    data: bytes
    fields: int
    depth: int
    forbidden: Mapping[tuple[str, int], str] = field(default_factory=dict)
    skips: bool = False

    def read(self, grammar: Grammar) -> Message:
        """The whole of `data` as one message; raises `ModelRefused` as the module's docstring says."""
        self._view = memoryview(self.data)
        self._left = self.fields
        return self._message(grammar, 0, len(self.data), self.depth)

    def _message(self, grammar: Grammar, at: int, end: int, depth: int) -> Message:
        if not depth:
            raise ModelRefused(f"{grammar.name} at byte {at}: expected at most {self.depth} messages in each other")
        found: Message = {}
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise ModelRefused(f"byte {at}: expected at most {self.fields} fields in all, found more")
            tag, start = self._varint(at, end)
            known = grammar.fields.get(tag)
            if known is None:
                if not self.skips:
                    raise self._unknown(grammar, tag, at)
                at = self._skipped(tag & 7, start, end)
                continue
            value, at = self._value(known.kind, start, end, depth)
            if known.repeated:
                found.setdefault(known.name, []).append(value)
            elif known.name in found:
                raise ModelRefused(f"{grammar.name} at byte {at}: expected one field {known.name!r}, found two")
            else:
                found[known.name] = value
        return found

    def _value(self, kind: str | Grammar, at: int, end: int, depth: int) -> tuple[Any, int]:
        if kind == "int":
            number, at = self._varint(at, end)
            return (number if number < 1 << 63 else number - (1 << 64)), at
        if kind == "float":
            stop = self._within(at + 4, end, at)
            return _FLOAT.unpack_from(self.data, at)[0], stop
        size, at = self._varint(at, end)
        stop = self._within(at + size, end, at)
        if isinstance(kind, Grammar):
            return self._message(kind, at, stop, depth - 1), stop
        if kind == "blob":
            return self._view[at:stop], stop
        try:
            return self.data[at:stop].decode(), stop
        except UnicodeDecodeError:
            raise ModelRefused(f"byte {at}: expected text in UTF-8, found other bytes") from None

    def _skipped(self, wire: int, at: int, end: int) -> int:
        """Where a value ends that begins at `at`."""
        if wire in _FIXED:
            return self._within(at + _FIXED[wire], end, at)
        if wire not in (VARINT, BYTES):
            raise ModelRefused(f"byte {at}: expected a value, found wire type {wire}; the file is damaged")
        size, at = self._varint(at, end)
        return at if wire == VARINT else self._within(at + size, end, at)

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        if at < end and self.data[at] < 128:
            return self.data[at], at + 1
        value = 0
        for place in range(min(10, end - at)):
            byte = self.data[at + place]
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at + place + 1
        raise ModelRefused(f"byte {at}: expected a number, found none; the file is damaged")

    def _within(self, stop: int, end: int, at: int) -> int:
        if stop > end:
            raise ModelRefused(f"byte {at}: expected at most {end - at} bytes, found a length of {stop - at}")
        return stop

    def _unknown(self, grammar: Grammar, tag: int, at: int) -> ModelRefused:
        what = self.forbidden.get((grammar.name, tag >> 3), f"field {tag >> 3} of wire type {tag & 7}")
        return ModelRefused(f"{grammar.name} at byte {at}: expected what rnnedge writes, found {what}")
