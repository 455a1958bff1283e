"""Frames out of sound that is coded, such as FLAC, OGG, MP3, AIFF and WAV files of a telephone (G.711).

libsndfile, of the package soundfile, decodes it block by block.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.files.samples import encoding
from rnnedge.files.sound_lengths import check_length, what_libsndfile_says
from rnnedge.files.sound_promises import check_whole, promised
from rnnedge.frames._audio import Sound, TimedFrames, timed
from rnnedge.frames._options import ReadOptions
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError, MissingExtra


def coded_file(path: Path, contract: Contract, options: ReadOptions) -> TimedFrames:
    """The frames of a file, as those of a WAV file. Raises `MissingExtra` without soundfile."""
    code = encoding("f32le")
    check_length(path)
    with _opened(path) as file:
        sound = Sound(str(path), code, file.channels, file.samplerate)

    def blocks(at_once: int) -> Iterator[bytes]:
        samples = max(at_once // (code.width * sound.channels), 1)
        with _opened(path) as file:
            promise, count = promised(file, path), 0
            while len(block := file.read(samples, dtype="float32", always_2d=True)):
                count += len(block)
                yield np.ascontiguousarray(block, "<f4").tobytes()
            check_whole(count, promise, path)

    return timed(blocks, sound, contract, options)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtra(f"{path}: {path.suffix[1:]} needs soundfile; install 'rnnedge[data]'") from error

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """After a read, soundfile seeks to where it is, which makes the decoders of MP3 and Opus forget what came."""

        def seekable(self) -> bool:
            return False

    try:
        with Forward(path) as file:
            yield file
    # TypeError: of an ending that its libsndfile does not know.
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        raise InputError(
            f"{path}: not sound that can be read ({what_libsndfile_says(error)}); copy it again"
        ) from error
