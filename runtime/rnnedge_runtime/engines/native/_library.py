"""A compiled library, opened, and compared with the file that it was made from."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from itertools import islice
from typing import BinaryIO

import numpy as np

from rnnedge_runtime._sha256 import sha256
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.engines.native._find import Found
from rnnedge_runtime.engines.native._memory_library import open_library
from rnnedge_runtime.engines.native.abi import ABI, ALIGNMENT, ENTRY, Description, Program, init, long_run, short_run
from rnnedge_runtime.errors import ProviderError
from rnnedge_runtime.plain_file import open_plain
from rnnedge_runtime.state_buffers import shape_of

_AGAIN = "remove it and compile the file again, or use provider='cpu'"
Listed = list[tuple[str, int]]


class Library:
    """One library in memory, of a file that it was made from; made by `open_native`, never unloaded."""

    def __init__(self, found: Found, digest: str, contract: Contract) -> None:
        """Open the library `found`; weights that are no part of it lie next to it with the suffix ".weights".

        They are read once: what becomes of that file later changes nothing. Those of a library of several levels have
        the level in front of the suffix, as in "net.x86_64_v3.weights".

        Raises `ProviderError` for what is no library of this machine, or one that was made from another file than that
        of `digest` and `contract`.
        """
        self.path = path = str(found.path)
        try:
            entry = getattr(open_library(found.content, found.digest, found.path.name), ENTRY)
        except OSError as error:
            reason = " ".join(str(error).split())
            raise ProviderError(f"{path}: not a library that this machine can load ({reason}); {_AGAIN}") from error
        except AttributeError as error:
            raise ProviderError(f"{path}: expected a library of 'rnnedge compile', found another; {_AGAIN}") from error
        entry.restype = ctypes.POINTER(Description)
        self._about: Description = entry().contents
        if self._about.abi != ABI:
            raise ProviderError(f"{path}: expected version {ABI} of the interface, found {self._about.abi}; {_AGAIN}")
        made_from = self._about.model_sha256.decode()
        if made_from != digest:
            raise ProviderError(
                f"{path}: expected a library of the file {digest[:12]}…, found that of {made_from[:12]}…; {_AGAIN}"
            )
        self._check(contract)
        self._weights, self._weights_at = _weights(path, self._about)
        self.short_run, self.long_run = short_run(self._about.run), long_run(self._about.run)
        programs = islice(self._about.programs, self._about.programs_count)
        self._programs = sorted(programs, key=lambda program: -int(program.batch))

    @property
    def target(self) -> str:
        """What it was compiled for, such as "x86_64_v3"."""
        return str(self._about.target.decode())

    @property
    def batches(self) -> tuple[int, ...]:
        """How many sequences each of its programs advances, the most first."""
        return tuple(int(program.batch) for program in self._programs)

    def programs_for(self, batch: int) -> list[Program]:
        """Programs that together advance `batch` sequences, those of many first; raises `ProviderError` for none."""
        chosen: list[Program] = []
        left = batch
        for program in self._programs:
            chosen += [program] * (left // int(program.batch))
            left %= int(program.batch)
        if left:
            sizes = ", ".join(str(program.batch) for program in self._programs)
            raise ProviderError(f"{self.path}: has steps for {sizes} sequences, which never make {batch}; {_AGAIN}")
        return chosen

    def init(self, program: Program, at: int) -> None:
        """Make the struct at address `at` ready, at the initial states."""
        init(program.init)(at, self._weights_at)

    def _check(self, contract: Contract) -> None:
        about = self._about
        for side, found, promised in (
            ("input", _listed(about.inputs, about.input_names, about.input_bytes), _inputs(contract)),
            ("output", _listed(about.outputs, about.output_names, about.output_bytes), _outputs(contract)),
            ("state", _listed(about.states, about.state_names, about.state_bytes), _states(contract)),
        ):
            if found != promised:
                raise ProviderError(
                    f"{self.path}: {side}s: the contract promises {_shown(promised)}, the library has {_shown(found)}; "
                    f"{_AGAIN}"
                )


def _listed(count: int, names: Sequence[bytes], sizes: Sequence[int]) -> Listed:
    return [(names[i].decode(), int(sizes[i])) for i in range(count)]


def _shown(listed: Listed) -> str:
    return ", ".join(f"{name!r} of {size} bytes" for name, size in listed) or "none"


def _inputs(contract: Contract) -> Listed:
    """Names and bytes of one sequence and one step: inputs, then cursors."""
    unit = contract.unit
    found = [(p.name, _bytes(shape_of(p.shape, 1, unit), p.dtype)) for p in contract.inputs]
    return found + [
        (c.name, np.dtype(np.int64).itemsize if c.kind == "last" else c.clock.frames(unit)) for c in contract.cursors
    ]


def _outputs(contract: Contract) -> Listed:
    return [(p.name, _bytes(shape_of(p.shape, 1, p.clock.frames(contract.unit)), p.dtype)) for p in contract.outputs]


def _states(contract: Contract) -> Listed:
    return [(s.input, _bytes(shape_of(s.shape, 1, 1), s.dtype)) for s in contract.states]


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    size = np.dtype(dtype).itemsize
    for dim in shape:
        size *= dim
    return size


def _weights(library: str, about: Description) -> tuple[object, int | None]:
    """The blob of weights in memory and its address; None where the weights are in the library itself."""
    size = int(about.weight_bytes)
    if not size:
        return None, None
    stem = os.path.splitext(library)[0]
    of_level = f"{stem}.{about.target.decode()}.weights"
    path = of_level if os.path.exists(of_level) else f"{stem}.weights"
    remedy = f"the weights of {library}; copy them next to it, or compile again"
    with open_plain(path, ProviderError, remedy) as file:
        # One byte more than there should be, so that a longer file is seen.
        memory = np.empty(size + 1 + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        room = memory[start : start + size + 1]
        try:
            count = _fill(file, room.data)
        except OSError as error:
            raise ProviderError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    found = sha256(room.data[:count]).hexdigest()
    expected = about.weights_sha256.decode()
    if found != expected:
        bytes_ = f"{count}" if count <= size else f"more than {size}"
        raise ProviderError(
            f"{path}: expected the weights {expected[:12]}… of {size} bytes, found {found[:12]}… of {bytes_}; "
            "copy them again, or compile again"
        )
    memory.flags.writeable = False
    return memory, int(room.ctypes.data)


def _fill(file: BinaryIO, room: memoryview) -> int:
    """Read until the room is full or the file ends; how many bytes."""
    count = 0
    while count < len(room) and (more := file.readinto(room[count:])):  # type: ignore[attr-defined]
        count += more
    return count
