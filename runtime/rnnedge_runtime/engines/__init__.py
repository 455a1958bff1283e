"""The seam between a stream and whatever executes the graph.

An engine knows names, shapes and one thing more: how to bind fixed buffers once and run over them many times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from rnnedge_runtime.contract import Array, TensorInfo


class Held(Protocol):
    """An array whose values are with the engine, on a device: what a run wrote is in the array after `fetch`."""

    def fetch(self) -> None:
        """Bring the values into the array."""
        ...

    def store(self) -> None:
        """Take the array's values to where runs read them."""
        ...


Buffers = Mapping[str, Array | Held]


class Stop(Protocol):
    """Ends the runs that were bound with it, from another thread; they raise one of the engine's `failures`."""

    def set(self) -> None:
        """End the run in progress, and every later one until `clear`."""
        ...

    def clear(self) -> None:
        """Let runs pass again."""
        ...


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
        """What a bound run, and `Held`, raise when the engine itself fails or is stopped."""
        ...

    def stop(self) -> Stop:
        """A new `Stop`, for one owner's runs."""
        ...

    def hold(self, reads: str, writes: str, array: Array) -> Array | Held:
        """Where a state, read as `reads` and written as `writes`, lives between runs.

        `array` itself where runs use host memory; else what stands for it, so that runs need no copy.
        """
        ...

    def bind(self, inputs: Buffers, outputs: Buffers, stop: Stop) -> Callable[[], object]:
        """Bind C-contiguous arrays, or what `hold` gave for them, for every graph input and output.

        Each call of the result reads the input arrays and writes the output arrays in place; what is held stays where
        it is. The engine borrows the memory: the caller keeps the arrays alive as long as the result.
        """
        ...
