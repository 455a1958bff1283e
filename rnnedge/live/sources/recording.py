"""A recording: a file that `rnnedge run` reads, sound at any rate; and standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import IO, cast

from rnnedge.frames import ReadOptions
from rnnedge.frames._audio import TimedFrames, pipe
from rnnedge.frames._readers import open_frames
from rnnedge.frames._standard_input import begins_with_wav
from rnnedge.live.protocol import Address, Packet
from rnnedge.live.sources.lines import LineReader
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError

_STDIN = "standard input"


class Recording:
    """Frames timed from 0 on by their rate; without one, all have the time 0."""

    samples_hz = None
    live = False

    def __init__(self, name: str, frames: TimedFrames) -> None:
        self.name, self._frames = name, frames

    def packets(self) -> Iterator[Packet]:
        """As they are read."""
        first, rate = 0, self._frames.rate_hz
        for frames in self._frames.frames:
            if isinstance(frames, dict):
                raise InputError(f"{self.name}: a model of several inputs is run without --to and --events")
            yield Packet(frames, first, first / rate if rate else 0.0)
            first += len(frames)

    def close(self) -> None:
        """A file is closed when it was read; standard input belongs to the process."""


class StandardInput:
    """Lines on standard input."""

    name = _STDIN
    samples_hz = None
    live = False

    def __init__(self, file: IO[bytes], contract: Contract, tell: Callable[[str], None], decimal: str) -> None:
        self._file = file
        self._reader = LineReader(self.name, contract, tell, strict=True, decimal=decimal)

    def packets(self) -> Iterator[Packet]:
        """A line as soon as it is there."""
        return self._reader.packets(self._file)

    def close(self) -> None:
        """It belongs to the process."""


def open_recording(
    address: Address, contract: Contract, tell: Callable[[str], None], reading: ReadOptions
) -> Recording:
    """A file by its ending."""
    return Recording(address.path, open_frames(address.path, contract, replace(reading, resample=True)))


def open_standard_input(
    address: Address, contract: Contract, tell: Callable[[str], None], reading: ReadOptions
) -> Recording | StandardInput:
    """The source of `-`: a WAV file, samples as `reading` says, else lines."""
    wav, file = (False, cast("IO[bytes]", sys.stdin.buffer)) if reading.raw else begins_with_wav(sys.stdin.buffer)
    if wav or reading.raw:
        return Recording(_STDIN, pipe(file, _STDIN, contract, replace(reading, resample=True)))
    return StandardInput(file, contract, tell, reading.decimal)
