"""The seam between a stream and whatever executes the graph.

An engine knows names, shapes and one thing more: how to bind fixed buffers once and run over them many times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from rnnedge_runtime.contract import Array, State


class TensorInfo(NamedTuple):
    """What an engine says of a graph input or output; a dim is None where the graph leaves it open."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


class DeviceBuffer(Protocol):
    """An array whose values are with the engine, on a device: what a run wrote is in the array after `fetch`."""

    def fetch(self) -> None:
        """Bring the values into the array."""
        ...

    def store(self) -> None:
        """Take the array's values to where runs read them."""
        ...


class Rewound(DeviceBuffer, Protocol):
    """What an engine that runs in place holds: the latest run over it can be undone."""

    def settle(self) -> None:
        """Count runs from here on."""
        ...

    def rewind(self, runs: int) -> None:
        """Stand where `runs` runs since `settle` have led to; at most one was made after them."""
        ...


Buffers = Mapping[str, Array | DeviceBuffer]


class CancelToken(Protocol):
    """Ends the runs that were bound with it, from another thread; they say so, or raise one of the `failures`."""

    def set(self) -> None:
        """End the run in progress, and every later one until `clear`."""
        ...

    def clear(self) -> None:
        """Let runs pass again."""
        ...


class Preparation(Protocol):
    """What is done to a file that nobody vouches for right before it is opened."""

    def prepare(self, model: bytes, options: Any) -> bytes:
        """What to open in place of `model`; sets `options`, the `SessionOptions` of onnxruntime."""
        ...


class Cancelled(Exception):
    """A run was stopped, and said so."""


class Engine(Protocol):
    """One loaded graph. Immutable and safe to share between threads; bound runs are not."""

    @property
    def provider(self) -> str:
        """The execution provider in use, by the name it is asked for."""
        ...

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The graph's inputs."""
        ...

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """The graph's outputs."""
        ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's own key-value entries."""
        ...

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What a bound run, and `DeviceBuffer`, raise when the engine itself fails or is stopped."""
        ...

    @property
    def checks_finite(self) -> bool:
        """Whether a bound run looks for a NaN and an infinity in its inputs by itself, and runs nothing over them."""
        ...

    @property
    def in_place(self) -> bool:
        """Whether a bound run leaves the states where it found them, so that two sets of them are one `Rewound`."""
        ...

    def stop(self, limited: bool) -> CancelToken:
        """A new token for one owner's runs, `limited` where a watchdog may set it; what it ends changes no state."""
        ...

    def hold(
        self, states: Sequence[State], sets: Sequence[Mapping[str, Array]], batch: int
    ) -> Sequence[Mapping[str, Array | DeviceBuffer]]:
        """Where each of several sets of `states`, for `batch` sequences, lives between runs; all by input name.

        The arrays of `sets` themselves where runs use host memory; else what stands for them, so that runs need no
        copy. One `DeviceBuffer` may stand for several states, and for the same ones of every set.
        """
        ...

    def bind(self, inputs: Buffers, outputs: Buffers, stop: CancelToken) -> Callable[[], object]:
        """Bind C-contiguous arrays, or what `hold` gave for them, for every graph input and output.

        Each call of the result reads the input arrays and writes the output arrays in place; what is held stays where
        it is. Its result is true where nothing ran: an input is not finite, or the run was stopped. The engine borrows
        the memory: the caller keeps the arrays alive as long as the result.
        """
        ...
