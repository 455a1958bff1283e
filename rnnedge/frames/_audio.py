"""Frames out of sound: WAV files, WAV and raw samples in a pipe; one channel, at the rate that the model takes.

Samples are scaled to [-1, 1), or to 16-bit integers as floats where `contract.normalization` says "int16 PCM".
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from rnnedge.files.riff import Wav, read_piped_header, read_wav_header
from rnnedge.files.samples import Encoding
from rnnedge.frames._options import ReadOptions, raw_form
from rnnedge.frames._resample import resampled
from rnnedge_runtime.contract import INT16_STEPS, Array, Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.plain_file import open_plain

# A model of features, which takes as many numbers, does not say otherwise.
_TAKEN = (
    "sound: {} samples in a row are taken for a frame; a model of features does not take sound (one of samples says so "
    "by its --frame-rate at the export)"
)


@dataclass(frozen=True)
class TimedFrames:
    """Frames of a recording, and how many come in a second; None where neither the recording nor the model says.

    `samples`: how many of one channel are in a frame; None where the frames are no sound.
    """

    frames: Iterator[Frames]
    rate_hz: float | None
    samples: int | None = None


@dataclass(frozen=True)
class Sound:
    """What comes: `rate_hz` None where nobody says."""

    name: str
    encoding: Encoding
    channels: int
    rate_hz: int | None


def wav_file(path: Path, contract: Contract, options: ReadOptions) -> TimedFrames:
    """The frames of a WAV file, or of a file of raw samples where `options` says so."""
    if options.raw:
        code, rate, channels = raw_form(options.raw)
        sound, start, size = Sound(str(path), code, channels, rate), 0, -1
    else:
        wav = read_wav_header(path)
        sound, start, size = _of_wav(wav, str(path)), wav.start, wav.size

    def blocks(at_once: int) -> Iterator[bytes]:
        with open_plain(path) as file:
            file.seek(start)
            yield from _blocks(file.read, size, sound.name, at_once)

    return timed(blocks, sound, contract, options)


def pipe(file: IO[bytes], name: str, contract: Contract, options: ReadOptions) -> TimedFrames:
    """The frames of a pipe, as they come: raw samples, or a WAV file with a header that need not know its length."""
    size = -1
    if options.raw:
        code, rate, channels = raw_form(options.raw)
        sound = Sound(name, code, channels, rate)
    else:
        wav = read_piped_header(file, name)
        sound, size = _of_wav(wav, name), wav.size
    read = getattr(file, "read1", file.read)
    return timed(partial(_blocks, read, size, name), sound, contract, options)


def _of_wav(wav: Wav, name: str) -> Sound:
    return Sound(name, wav.encoding(name), wav.channels, wav.rate_hz)


def _blocks(read: Callable[[int], bytes], size: int, name: str, at_once: int) -> Iterator[bytes]:
    """`size` bytes, or all that come where that is -1, at most `at_once` at a time."""
    left = size
    while left:
        data = read(at_once if left < 0 else min(left, at_once))
        if not data:
            if left > 0:
                raise InputError(f"{name}: cut short: {left} bytes of its samples are missing; copy it again")
            return
        left -= len(data) if left > 0 else 0
        yield data


def timed(
    blocks: Callable[[int], Iterable[bytes]], sound: Sound, contract: Contract, options: ReadOptions
) -> TimedFrames:
    """The frames of the bytes of some samples: samples (n, channels), those that the model takes, frames (time, ...).

    `blocks` gives at most that many bytes at a time.
    """
    port = contract.inputs[0]
    frame = tuple(int(d) for d in port.frame_shape)
    size = math.prod(frame)
    if sum(d > 1 for d in frame) > 1 or not port.dtype.startswith("float"):
        raise InputError(f"{sound.name}: this model's frames are {port.dtype} {frame}, not samples")
    several = size == sound.channels > 1 and not options.channel
    if not several:
        _check_channels(sound, options)
    samples = 1 if several else size
    wanted = None if contract.frame_rate_hz is None else contract.frame_rate_hz * samples
    at_once = size * contract.piece * sound.encoding.width * (1 if several else sound.channels)
    rows = _chosen(_decoded(blocks(at_once), sound), sound, "" if several else options.channel or "1")
    if sound.rate_hz is not None and wanted is not None and abs(sound.rate_hz - wanted) > 0.5:
        if not options.resample:
            raise _other_rate(sound, wanted, samples)
        rows = resampled(rows, sound.rate_hz, wanted)
    if wanted is None and samples > 1 and not options.raw:
        # Without the name of the file, so that an archive of them is told once.
        warnings.warn(_TAKEN.format(samples), stacklevel=2)
    scale = sample_scale(contract)
    whole = _whole_frames(rows, size, sound.name)
    frames = (np.asarray(numbers * scale, port.dtype).reshape(-1, *frame) for numbers in whole)
    return TimedFrames(frames, contract.frame_rate_hz or (sound.rate_hz and sound.rate_hz / samples), samples)


def sample_scale(contract: Contract) -> np.float32:
    """The number that turns samples in [-1, 1) into those of the model: 32,768 if it takes int16 PCM, else 1."""
    normalization = contract.normalization
    return np.float32(INT16_STEPS if normalization is not None and normalization.int16_pcm else 1)


def _check_channels(sound: Sound, options: ReadOptions) -> None:
    if options.channel.isdecimal() and int(options.channel) > sound.channels:
        raise InputError(f"{sound.name}: channel: expected 1 to {sound.channels}, found {options.channel}")
    if sound.channels > 1 and not options.channel:
        raise InputError(
            f"{sound.name}: expected 1 channel, found {sound.channels}; mix them with --channel mix, or take one of "
            "them with --channel 1"
        )


def _other_rate(sound: Sound, wanted: float, size: int) -> InputError:
    return InputError(
        f"{sound.name}: expected {wanted:g} samples per second ({size} a frame), found {sound.rate_hz}; "
        f"add --resample, or record it so, as with ffmpeg -i IN -ar {wanted:g} OUT.wav"
    )


def _decoded(blocks: Iterable[bytes], sound: Sound) -> Iterator[Array]:
    """Samples (n, channels) float32; what is left at the end is told."""
    width, rest = sound.encoding.width * sound.channels, b""
    for block in blocks:
        data = rest + block
        whole = len(data) // width * width
        rest = data[whole:]
        yield sound.encoding.decode(data[:whole]).reshape(-1, sound.channels)
    if rest:
        what = "byte is" if len(rest) == 1 else f"{len(rest)} bytes are"
        warnings.warn(f"{sound.name}: the last {what} no whole sample", stacklevel=2)


def _chosen(blocks: Iterable[Array], sound: Sound, channel: str) -> Iterator[Array]:
    """All channels for "", their mean for "mix", or one of them: (n, channels of the model)."""
    for block in blocks:
        if channel == "mix":
            yield block.mean(axis=1, keepdims=True, dtype=np.float32)
        else:
            yield block[:, int(channel) - 1 :][:, :1] if channel else block


def _whole_frames(rows: Iterable[Array], size: int, name: str) -> Iterator[Array]:
    """Numbers in a row, as many at a time as whole frames have."""
    rest = np.zeros(0, np.float32)
    for block in rows:
        every = np.concatenate([rest, block.reshape(-1)]) if len(rest) else block.reshape(-1)
        whole = len(every) // size * size
        rest = every[whole:]
        if whole:
            yield every[:whole]
    if len(rest):
        warnings.warn(f"{name}: the last {len(rest)} samples are no whole frame and are dropped", stacklevel=2)
