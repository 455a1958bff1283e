"""Read data of your own and check it whole, before anything is trained."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rnnedge.data._config import DataConfig
from rnnedge.data._read_files import read_recordings
from rnnedge.data._recording import Recordings
from rnnedge.data._schema import ColumnSchema, DataSchema, PartSchema
from rnnedge.data._split import PARTS, Parts, split
from rnnedge.data._table import require
from rnnedge.data._targets import class_counts, labels_of, sequence_data
from rnnedge.training._data import SequenceData
from rnnedge.training.splits import Splits
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.errors import InputError

# Two recordings of one clock differ by less.
_RATE = 0.01


@dataclass(frozen=True, eq=False)
class OwnData:
    """The three parts of the data, and what a run should remember of it."""

    train: SequenceData
    validation: SequenceData
    test: SequenceData
    schema: DataSchema

    @property
    def frame_rate_hz(self) -> float | None:
        """Frames per second; for audio, samples per second."""
        return self.schema.frame_rate_hz

    @property
    def splits(self) -> Splits:
        """The same as a task has it."""
        return Splits(self.train, self.validation, self.test, self.frame_rate_hz, self.schema.to_dict())


@checked
def read_data(config: DataConfig, base: str | os.PathLike[str] = "", *, least_frames: int = 1) -> OwnData:
    """The data that `config` names; paths are relative to `base`, the folder of the config file.

    `least_frames`: how many frames a sequence must have for the network to give something for it.

    Raises `InputError`, one line naming file, row and column of the first thing that is wrong; `MissingExtra` where a
    format needs a package that is not installed.
    """
    read = read_recordings(config, Path(base) / config.path)
    if config.validation_path:
        held = [read_recordings(config, Path(base) / path) for path in (config.validation_path, config.test_path)]
        for other, path in zip(held, (config.validation_path, config.test_path), strict=True):
            _alike(other, read, Path(base) / path)
        parts: Parts = (read.sequences, held[0].sequences, held[1].sequences)
        _apart(parts)
    else:
        parts = split(read.sequences, config)
    for recording in (recording for part in parts for recording in part):
        if len(recording) < least_frames:
            raise InputError(
                f"{recording.name}: expected at least {least_frames} frames (the network's front end takes as many for "
                f"its first), found {len(recording)}; leave it out"
            )
    labels = labels_of(parts, config)
    train, validation, test = (sequence_data(part, labels, config) for part in parts)
    return OwnData(train, validation, test, _schema(config, read, parts, labels))


def _alike(other: Recordings, read: Recordings, path: Path) -> None:
    """A held-out file has the columns and the rate of the one that is learned from."""
    if other.features != read.features or other.target != read.target:
        raise InputError(
            f"{path}: expected the columns {', '.join((*read.features, *read.target))} as in the training data, found "
            f"{', '.join((*other.features, *other.target))}"
        )
    rates = other.frame_rate_hz, read.frame_rate_hz
    if rates[0] != rates[1] and (None in rates or abs(float(rates[0] or 0) / float(rates[1] or 1) - 1) > _RATE):
        raise InputError(
            f"{path}: expected {read.frame_rate_hz or 'no regular'} frames per second as in the training data, found "
            f"{other.frame_rate_hz or 'an irregular rate'}; set frame_rate_hz, or resample"
        )


def _apart(parts: Parts) -> None:
    """No group is in two parts."""
    seen: dict[str, str] = {}
    for name, part in zip(PARTS, parts, strict=True):
        for recording in part:
            if recording.group and seen.setdefault(recording.group, name) != name:
                raise InputError(
                    f"{recording.name}: group {recording.group!r}: expected in {seen[recording.group]} only, found in "
                    f"{name} too; move its sequences to one of them"
                )


def _schema(config: DataConfig, read: Recordings, parts: Parts, labels: tuple[str, ...]) -> DataSchema:
    names = [("feature", name) for name in read.features] + [("target", name) for name in read.target]
    for name in config.units:
        require(name, Path(config.path), [name for _, name in names])
    columns = tuple(ColumnSchema(name, role, config.units.get(name, "")) for role, name in names)
    counted = {
        name: PartSchema(len(part), sum(map(len, part)), dict(class_counts(part)) if labels else {})
        for name, part in zip(PARTS, parts, strict=True)
    }
    horizon = config.horizon if config.task == "forecast" else 0
    source = Path(config.path).name
    return DataSchema(source, read.format, config.task, columns, labels, read.frame_rate_hz, horizon, counted)
