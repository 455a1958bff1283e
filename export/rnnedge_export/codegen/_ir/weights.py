"""Constants of all programs of a file: floats, bytes, integers and tables of places."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.tensors import BYTE, FLOAT, INT, SLACK, Array, Buffer, Memory
from rnnedge_export.codegen._nodes.limits import MOST_LISTED, MOST_PACKED_BYTES, check_most

# 64 bytes, a cache line and the widest vector.
ALIGNED = 16


class Weights:
    """Numbers that all programs of a file share; equal runs of them stand there once."""

    def __init__(self, *, compact: bool = False, file_bytes: int = 0) -> None:
        """None yet; `compact`: memory is dearer than time, so that what is narrow in the file stays so.

        `file_bytes`: how large the file is, which bounds how large they may become.
        """
        self._most_bytes, self._listed = MOST_PACKED_BYTES + 4 * file_bytes, 0
        self.compact = compact
        self.integer_products = self.sparse = False
        self._floats: list[Array] = []
        self._count = 0
        self._bytes: list[Array] = []
        self._byte_count = 0
        self._integers: list[Array] = []
        self._integer_count = 0
        self._known: dict[tuple[str, bytes], Buffer] = {}
        self.tables: list[Array] = []

    def floats(self, array: Array) -> Buffer:
        """float32 numbers, aligned to a cache line; `SLACK` of them may be read beyond their end."""
        flat = np.ascontiguousarray(array, np.float32).ravel()
        key = (FLOAT, flat.tobytes())
        if key not in self._known:
            self._known[key] = Buffer(Memory.FLOATS, self._count, flat.size, FLOAT)
            padded = np.pad(flat, (0, -flat.size % ALIGNED))
            self._floats.append(padded)
            self._count += padded.size
            self.check_room()
        return self._known[key]

    def bytes(self, array: Array) -> Buffer:
        """int8 numbers, aligned to a cache line."""
        flat = np.ascontiguousarray(array, np.int8).ravel()
        key = (BYTE, flat.tobytes())
        if key not in self._known:
            self._known[key] = Buffer(Memory.BYTES, self._byte_count, flat.size, BYTE)
            padded = np.pad(flat, (0, -flat.size % (4 * ALIGNED)))
            self._bytes.append(padded)
            self._byte_count += padded.size
            self.check_room()
        return self._known[key]

    def integers(self, array: Array) -> Buffer:
        """Whole numbers, and truth values as 0 and 1."""
        flat = np.ascontiguousarray(array).astype(np.int64).ravel()
        key = (INT, flat.tobytes())
        if key not in self._known:
            self._known[key] = Buffer(Memory.INTEGERS, self._integer_count, flat.size, INT)
            self._integers.append(flat)
            self._integer_count += flat.size
            self._list(flat.size)
        return self._known[key]

    def places(self, table: Array) -> int:
        """The number of a table of offsets."""
        for number, known in enumerate(self.tables):
            if np.array_equal(known, table):
                return number
        self._list(table.size)
        self.tables.append(table)
        return len(self.tables) - 1

    def check_room(self, more: int = 0) -> None:
        """Raise `TooLarge` if the weights and `more` bytes are too many."""
        check_most("bytes of weights", 4 * self._count + self._byte_count + more, self._most_bytes)

    def _list(self, count: int) -> None:
        self._listed += count
        check_most("numbers of tables", self._listed, MOST_LISTED)

    def all_floats(self) -> Array:
        """All of float32, with what may be read beyond them."""
        return np.concatenate([*self._floats, np.zeros(SLACK, np.float32)])

    def all_bytes(self) -> Array:
        """All of int8."""
        return np.concatenate(self._bytes) if self._bytes else np.zeros(0, np.int8)

    def all_integers(self) -> Array:
        """All of int64."""
        return np.concatenate(self._integers) if self._integers else np.zeros(0, np.int64)
