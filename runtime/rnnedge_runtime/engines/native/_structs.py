"""The memory of streams in a library: one struct for every block of sequences, in which the states live."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnedge_runtime.contract import BATCH, Array, State
from rnnedge_runtime.engines.native._library import Library
from rnnedge_runtime.engines.native.abi import ALIGNMENT, Done, Program, copy_states, pointers

if TYPE_CHECKING:
    from rnnedge_runtime.engines.native._side_by_side import Round


class Block:
    """One struct: `size` sequences from `first` on, advanced by `program`; `at` is its address.

    A run keeps in `undo` how it found the struct, and says so in `done`; both are addresses.
    """

    def __init__(self, program: Program, first: int, at: int, undo: int, done: int) -> None:
        """Made by `Structs`."""
        self.program, self.first, self.at, self.undo, self.done = program, first, at, undo, done
        self.size = int(program.batch)


class Structs:
    """The structs of `batch` sequences, in one piece of memory, at their initial states."""

    def __init__(self, library: Library, batch: int) -> None:
        """Allocate and initialize. Raises `ProviderError` where the library has no programs that make up `batch`."""
        programs = library.programs_for(batch)
        self._memory, at = aligned(sum(_rounded(program.stream_bytes) for program in programs))
        self._undo, undo = aligned(sum(_rounded(program.kept_bytes) for program in programs))
        # What several threads may still be at, where a call was interrupted.
        self.round: Round | None = None
        self._done = (Done * len(programs))()
        done = ctypes.addressof(self._done)
        self.blocks: list[Block] = []
        first = 0
        for program in programs:
            library.init(program, at)
            self.blocks.append(Block(program, first, at, undo, done))
            first, done = first + int(program.batch), done + ctypes.sizeof(Done)
            at, undo = at + _rounded(program.stream_bytes), undo + _rounded(program.kept_bytes)

    def settle(self) -> None:
        """Count runs from here on."""
        self._wait()
        for done in self._done:
            done.calls = 0

    def rewind(self, runs: int) -> None:
        """Stand where `runs` runs since `settle` have led to; at most one was made after them."""
        self._wait()
        for done, block in zip(self._done, self.blocks, strict=True):
            if done.calls > runs:
                ctypes.memmove(block.at, block.undo, done.undo_bytes)
                done.calls = runs

    def level(self) -> None:
        """Undo the run of those blocks that have made one more than others."""
        self.rewind(min(done.calls for done in self._done))

    def _wait(self) -> None:
        if self.round is not None:
            self.round.wait()


class HeldStates:
    """Stands for all states of a stream; the arrays of one set, in the contract's order, are what it copies with."""

    def __init__(self, structs: Structs, states: Sequence[State], arrays: Mapping[str, Array]) -> None:
        """Made by `NativeEngine.hold`."""
        self.structs = structs
        self._copies = [_Copies(block, states, arrays) for block in structs.blocks]

    def fetch(self) -> None:
        """Bring the values into the arrays."""
        for copies in self._copies:
            copies.fetch()

    def store(self) -> None:
        """Take the arrays' values into the structs."""
        for copies in self._copies:
            copies.store()

    def settle(self) -> None:
        """Count runs from here on."""
        self.structs.settle()

    def rewind(self, runs: int) -> None:
        """Stand where `runs` runs since `settle` have led to; at most one was made after them."""
        self.structs.rewind(runs)


class _Copies:
    """The states of one block: in the arrays themselves where its part of them is in one piece, else by copies."""

    def __init__(self, block: Block, states: Sequence[State], arrays: Mapping[str, Array]) -> None:
        views = [part(arrays[state.input], state, block) for state in states]
        buffers = [view if view.flags.c_contiguous else np.zeros(view.shape, view.dtype) for view in views]
        self._apart = [(view, own) for view, own in zip(views, buffers, strict=True) if own is not view]
        self._keep, self._at = buffers, block.at
        self._pointers: Any = pointers([buffer.ctypes.data for buffer in buffers])
        self._read, self._write = copy_states(block.program.read_states), copy_states(block.program.write_states)

    def fetch(self) -> None:
        self._read(self._at, self._pointers)
        for view, own in self._apart:
            view[...] = own

    def store(self) -> None:
        for view, own in self._apart:
            own[...] = view
        self._write(self._at, self._pointers)


def part(array: Array, state: State, block: Block) -> Array:
    """The view of a block's sequences; where the batch is folded into another axis, it is the slower part of it."""
    axis, dim = state.batch_axis, state.shape[state.batch_axis]
    folded = 1 if dim == BATCH else int(str(dim).partition("*")[0])
    if dim not in (BATCH, f"{folded}*{BATCH}"):
        # A file for one sequence.
        return array
    index = slice(block.first * folded, (block.first + block.size) * folded)
    return array[(slice(None),) * axis + (index,)]


def aligned(size: int) -> tuple[Array, int]:
    """Zeroed memory, and the address in it that a struct of `size` bytes may have; it lives as long as the array."""
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    return memory, -(-memory.ctypes.data // ALIGNMENT) * ALIGNMENT


def _rounded(size: int) -> int:
    return -(-int(size) // ALIGNMENT) * ALIGNMENT
