"""Predictions as one array: a NPY file, or a WAV file of the samples that a network gives."""

from __future__ import annotations

import math
import shutil
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnedge.frames import sample_scale
from rnnedge.frames._audio import TimedFrames
from rnnedge_runtime.atomic import open_binary
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden import named
from rnnedge_runtime.scores import Scores
from rnnedge_runtime.temporary import temporary_folder

_STEPS = 32768
# Samples of 16 bits: the length of a RIFF file has 32 bits.
_LONGEST = (1 << 31) - 64
_MOST_HZ = (1 << 32) // 4


class ArrayWriter:
    """Takes what a stream returned; the file gets the frames of one output, (time, ...), or its summary.

    Values of labels are probabilities where the file says how, see `rnnedge_runtime.scores`; `logits` leaves them.
    """

    def __init__(self, spool: IO[bytes], contract: Contract, logits: bool = False) -> None:
        """`spool` holds the values until their number is known. Raises `InputError` for a model of several outputs."""
        if len(contract.results) > 1:
            names = ", ".join(port.name for port in contract.results)
            raise InputError(f"a file holds one array, the model has several outputs ({names}); use --format jsonl")
        (self._port,) = contract.results
        self._scores = Scores(contract, logits)
        self._contract, self._spool = contract, spool
        self.frames = 0

    def write(self, frames: Frames) -> None:
        """Write what one `push` or `finish` returned."""
        found = named(self._contract, frames).get(self._port.name)
        if found is not None:
            values = self._scores.of(self._port.name, found)
            self._spool.write(np.ascontiguousarray(values, self._port.dtype).tobytes())
            self.frames += len(values)

    def finish(self, target: IO[bytes], format: str, recording: TimedFrames) -> int:
        """Write the file; the number of samples that were clipped. `recording`: what came in."""
        self._spool.seek(0)
        if format == "npy":
            self._write_npy(target)
            return 0
        return self._write_wav(target, recording)

    def _write_npy(self, target: IO[bytes]) -> None:
        frame = tuple(int(d) for d in self._port.frame_shape)
        shape = (self.frames, *frame) if self._port.per_frame else frame
        header = {"descr": np.dtype(self._port.dtype).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(target, header)
        shutil.copyfileobj(self._spool, target)

    def _write_wav(self, target: IO[bytes], recording: TimedFrames) -> int:
        """16-bit samples; what came in as 16-bit integers is taken to go out so."""
        if self.frames * _samples(self._port) >= _LONGEST:
            raise InputError("a WAV file holds at most 4 GiB; use -o FILE.npy")
        scale = _STEPS / float(sample_scale(self._contract))
        clipped = 0
        with wave.open(target, "wb") as file:
            channels = channels_of(self._port, recording)
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(sample_rate(self._port, recording))
            file.setnframes(self.frames * _samples(self._port) // channels)
            for block in _blocks(self._spool, self._port):
                whole = np.rint(np.float64(block) * scale)
                clipped += int((~((whole >= -_STEPS) & (whole < _STEPS))).sum())
                # What is no number is silence.
                whole = np.nan_to_num(whole, nan=0.0)
                file.writeframesraw(whole.clip(-_STEPS, _STEPS - 1).astype("<i2").tobytes())
        return clipped


def channels_of(port: Port, recording: TimedFrames) -> int:
    """How many channels the values of a frame of an output are; 1 where they are samples in a row.

    They are channels, such as the voices that a network separates, if a frame comes for every sample that came in. Of
    frames that are no sound, nobody knows: they are channels where time is the last axis, (batch, channels, time).
    """
    if recording.samples is not None:
        several = port.clock.rate == recording.samples
    else:
        several = port.time_axis is not None and port.time_axis == len(port.shape) - 1
    return _samples(port) if several else 1


def sample_rate(port: Port, recording: TimedFrames) -> int:
    """Samples per second of an output. Raises `InputError` where it gives none, or nobody says how many."""
    if not port.per_frame or not port.dtype.startswith("float") or sum(int(d) > 1 for d in port.frame_shape) > 1:
        raise InputError(
            f"a WAV file holds samples, {port.name!r} gives {port.dtype} {port.frame_shape}; use -o FILE.npy"
        )
    if recording.rate_hz is None:
        raise InputError("a WAV file has a rate, neither the input nor the model says one; export with --frame-rate")
    rate = recording.rate_hz * float(port.clock.rate) * _samples(port) / channels_of(port, recording)
    if not 1 <= rate <= _MOST_HZ:
        raise InputError(
            f"a WAV file has 1 to {_MOST_HZ:,} samples per second, {port.name!r} gives {rate:g}; use -o FILE.npy"
        )
    return round(rate)


@contextmanager
def array_file(output: Path, format: str, contract: Contract, logits: bool, recording: TimedFrames) -> Iterator[Any]:
    """An `ArrayWriter` whose file takes the place of `output` at the end of the block.

    An error leaves the older file; an interruption keeps what was written before it, as a table does.
    """
    if format == "wav" and len(contract.results) == 1:
        sample_rate(contract.results[0], recording)
    with temporary_folder("predictions") as folder, (folder / "values").open("xb+") as spool:
        writer = ArrayWriter(spool, contract, logits)
        interrupted: KeyboardInterrupt | None = None
        try:
            yield writer
        except KeyboardInterrupt as error:
            if not writer.frames:
                raise
            interrupted = error
        with open_binary(output) as target:
            clipped = writer.finish(target, format, recording)
    if clipped:
        from rnnedge.cli._output import counted, say

        say(f"{output}: {counted(clipped, 'sample')} beyond full scale, clipped")
    if interrupted is not None:
        raise interrupted


def _samples(port: Port) -> int:
    return math.prod(int(d) for d in port.frame_shape)


def _blocks(spool: IO[bytes], port: Port) -> Iterator[Array]:
    dtype = np.dtype(port.dtype)
    while data := spool.read(dtype.itemsize << 20):
        yield np.frombuffer(data, dtype)
