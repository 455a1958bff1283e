"""A recording: a file that `rnnedge run` reads, or sound at any rate; and standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from rnnedge.files.riff import PCM, read_wav_header
from rnnedge.frames import read_frames
from rnnedge.live.protocol import Address, Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.sources.lines import LineReader
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import open_plain

_SAMPLES = 1 << 14


class Recording:
    """The frames of a file, timed from 0 on by the model's frame rate; without one, all have the time 0."""

    samples_hz = None
    live = False

    def __init__(self, path: str, contract: Contract) -> None:
        self.name, self._contract = path, contract

    def packets(self) -> Iterator[Packet]:
        """As `read_frames` gives them."""
        first, rate = 0, self._contract.frame_rate_hz
        for frames in read_frames(self.name, self._contract):
            if isinstance(frames, dict):
                raise InputError(f"{self.name}: a model of several inputs is run without --to and --events")
            yield Packet(frames, first, first / rate if rate else 0.0)
            first += len(frames)

    def close(self) -> None:
        """The file is closed when it was read."""


class WavRecording:
    """The samples of a WAV file, PCM of 16 bits, one channel."""

    live = False

    def __init__(self, path: str) -> None:
        """Raises `InputError` for another kind of file."""
        self.name = path
        self._wav = read_wav_header(Path(path))
        if (self._wav.format, self._wav.channels, self._wav.bits) != (PCM, 1, 16):
            found = f"{self._wav.channels} of {self._wav.bits}"
            raise InputError(f"{path}: expected 1 channel of 16 bits, found {found}; convert it")
        self.samples_hz = float(self._wav.rate_hz)

    def packets(self) -> Iterator[Packet]:
        """Samples in [-1, 1), timed from 0 on."""
        with open_plain(Path(self.name)) as file:
            file.seek(self._wav.start)
            for first in range(0, self._wav.size // 2, _SAMPLES):
                data = file.read(2 * min(_SAMPLES, self._wav.size // 2 - first))
                samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768
                yield Packet(samples, first, first / self.samples_hz)

    def close(self) -> None:
        """The file is closed when it was read."""


class StandardInput:
    """Lines on standard input."""

    name = "standard input"
    samples_hz = None
    live = False

    def __init__(self, contract: Contract, tell: Callable[[str], None]) -> None:
        self._reader = LineReader(self.name, FrameFormat(contract), tell, strict=True)

    def packets(self) -> Iterator[Packet]:
        """A line as soon as it is there."""
        return self._reader.packets(sys.stdin.buffer)

    def close(self) -> None:
        """It belongs to the process."""


def open_recording(address: Address, contract: Contract, tell: Callable[[str], None]) -> Recording | WavRecording:
    """A file by its ending."""
    if address.path.lower().endswith(".wav"):
        return WavRecording(address.path)
    return Recording(address.path, contract)


def open_standard_input(address: Address, contract: Contract, tell: Callable[[str], None]) -> StandardInput:
    """The source of `-`."""
    return StandardInput(contract, tell)
