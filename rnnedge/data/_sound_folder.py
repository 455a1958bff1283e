"""A folder of sound: every file a sequence of samples, labelled as `rnnedge.data._folder` says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnnedge.data._config import DataConfig
from rnnedge.data._folder import labelled_files
from rnnedge.data._recording import Recording, Recordings
from rnnedge.data._table import Array
from rnnedge.files.riff import read_wav_header
from rnnedge.files.samples import WAV
from rnnedge.files.sound_lengths import check_length, what_libsndfile_says
from rnnedge.files.sound_promises import check_bounded, check_whole, promised
from rnnedge_runtime.errors import InputError, MissingExtra


def read_sound_folder(config: DataConfig, path: Path) -> Recordings:
    """Every file as a sequence: samples in [-1, 1], (time, channel) float32, and its label.

    Nothing is resampled.
    Raises `InputError` naming the file that is damaged, empty, or has another rate or number of channels.
    """
    _check(config)
    files = labelled_files(config, path, "wav")
    rate, channels = config.frame_rate_hz or None, 0
    sequences = []
    for file, label, group in files:
        samples, found_rate = read_wav(file)
        rate, channels = rate or found_rate, channels or samples.shape[1]
        if found_rate != rate:
            source = "frame_rate_hz" if config.frame_rate_hz else files[0][0]
            raise InputError(
                f"{file}: expected {rate:g} samples per second (as {source} says), found {found_rate}; resample it"
            )
        if samples.shape[1] != channels:
            raise InputError(
                f"{file}: expected {channels} channels as in {files[0][0]}, found {samples.shape[1]}; mix them alike"
            )
        sequences.append(Recording(str(file), samples, label, group))
    names = tuple(f"channel {i}" for i in range(1, channels + 1))
    return Recordings(tuple(sequences), names, config.target or ("label",), float(rate or 0))


def _check(config: DataConfig) -> None:
    if config.task != "class_per_sequence":
        raise InputError(
            f"task: expected class_per_sequence for a folder of WAV files, found {config.task!r}; for another task "
            "give tables, .csv, .parquet or .npz"
        )
    for name in ("features", "sequence", "time"):
        if getattr(config, name):
            raise InputError(f"{name}: expected none for a folder of WAV files, found {getattr(config, name)!r}")


def read_wav(path: Path) -> tuple[Array, int]:
    """Samples in [-1, 1], float32 (time, channel), and samples per second.

    Raises `InputError` for a file that is damaged, cut short, empty, much longer than its bytes, or holds a number that
    is not finite.
    """
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtra(f"{path}: a WAV file needs soundfile; install 'rnnedge[data]'") from error
    if path.suffix.lower() in WAV:
        read_wav_header(path)
    check_length(path)
    try:
        with soundfile.SoundFile(path) as file:
            check_bounded(file, path)
            samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
            check_whole(len(samples), promised(file, path), path)
    except InputError:
        raise
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        reason = what_libsndfile_says(error)
        raise InputError(f"{path}: not a WAV file that can be read ({reason}); copy it again") from error
    if not len(samples):
        raise InputError(f"{path}: expected samples, found none")
    if not np.isfinite(samples).all():
        sample, channel = np.argwhere(~np.isfinite(samples))[0]
        found = samples[sample, channel]
        raise InputError(f"{path}, sample {sample}, channel {channel + 1}: expected a finite number, found {found}")
    return samples, int(rate)
