"""What a file of your own is: the [data] table of a config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from rnnedge.files.numbers import DECIMALS
from rnnedge.options import check, option
from rnnedge_runtime.errors import InputError

TASKS = ("class_per_sequence", "class_per_frame", "values_per_frame", "forecast")
FORMATS = ("csv", "parquet", "npz", "wav")
MISSING = ("error", "drop", "hold")
SPLIT_BY = ("sequence", "group", "time")
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "iso": 1.0}
# Read by pydantic where a config comes from a file: a key that does not exist is an error, in nested tables too.
_STRICT: dict[str, str] = {"extra": "forbid"}
# Endings of tables, and their formats.
TABLES = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet", ".npz": "npz"}


@dataclass(frozen=True)
class SplitConfig:
    """Which part of the data is held out.

    `validation`, `test`: shares of the sequences (of every class, where a sequence has one), of the groups, or of the
    time, taken from the end of every sequence. `by`: one of `SPLIT_BY`; by default by group where groups are named,
    by time where the file is one long sequence, by sequence else. `seed` decides which sequences or groups.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    validation: float = 0.15
    test: float = 0.15
    by: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range."""
        check(self)
        for name in ("validation", "test"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name}: expected a share between 0 and 1, found {getattr(self, name)}")
        if self.validation + self.test >= 1:
            raise InputError(
                f"validation, test: expected shares that leave some for training, found {self.validation} + {self.test}"
            )
        if self.by and self.by not in SPLIT_BY:
            raise InputError(f"by: expected one of {', '.join(SPLIT_BY)}, found {self.by!r}")


@dataclass(frozen=True)
class DataConfig:
    """Where sequences are, which columns are what, and what is learned from them.

    `path`: a table (.csv, .tsv, .parquet, .npz), or a folder of sound (.wav, .flac, .ogg, ...) or of tables, each file
    a sequence. `format`: one of `FORMATS`, by default by the ending, in a folder by those of its files.
    `task`: one of `TASKS`; "forecast" learns the `target` columns `horizon` frames later.
    `features`: columns of the frames, by default all that have no other role. `target`: one column of classes, or
    columns of values; for a forecast by default the features, for a class per sequence of a folder its subfolders.
    `sequence`: rows of one value are one sequence; without it the file is one long sequence.
    `group`: sequences of one value (a speaker, a device) are never in two parts.
    `time`: checked to rise within a sequence; `time_unit`: s, ms, us, ns, or iso for dates. `frame_rate_hz`: of the
    frames, or samples of the sound; by default what the time column, or the first file, says.
    `missing`: what an empty cell, NaN or infinity is: an "error", a row to "drop", or the last value to "hold".
    `delimiter` of a CSV file, by default a comma, or a tab for .tsv; `decimal`: the sign in its numbers, a point or a
    comma, with which cells are between semicolons by default. `group_pattern`: a regular expression whose first group,
    in the name of a file of a folder, is its group. `units`: of columns, for whoever reads the exported file.
    `validation_path`, `test_path`: files that are held out in place of a share of `path`.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    path: str
    task: str = option(one_of=TASKS)
    format: str = ""
    features: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    sequence: str = ""
    group: str = ""
    time: str = ""
    time_unit: str = option("s", one_of=tuple(TIME_UNITS))
    frame_rate_hz: float = 0.0
    horizon: int = 1
    missing: str = option("error", one_of=MISSING)
    delimiter: str = ""
    decimal: str = option(".", one_of=DECIMALS)
    group_pattern: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    validation_path: str = ""
    test_path: str = ""
    split: SplitConfig = field(default_factory=SplitConfig)

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range or contradicts another."""
        check(self)
        if self.format and self.format not in FORMATS:
            raise InputError(f"format: expected one of {', '.join(FORMATS)}, found {self.format!r}")
        if not self.path:
            raise InputError("path: expected a file or a folder, found none")
        if self.horizon < 1:
            raise InputError(f"horizon: expected at least 1 frame, found {self.horizon}")
        if self.frame_rate_hz < 0:
            raise InputError(f"frame_rate_hz: expected a positive number, found {self.frame_rate_hz}")
        if len(self.delimiter) > 1:
            raise InputError(f"delimiter: expected one character, found {self.delimiter!r}")
        if self.delimiter == self.decimal:
            raise InputError(f"delimiter: expected another sign than in numbers, found {self.delimiter!r} for both")
        self._check_roles()
        self._check_split()

    def _check_roles(self) -> None:
        by_folder = self.is_folder and not self.target and self.task == "class_per_sequence"
        if self.classes and len(self.target) != 1 and not by_folder:
            raise InputError(f"target: expected one column of classes for {self.task}, found {len(self.target)}")
        if self.task == "values_per_frame" and not self.target:
            raise InputError("target: expected at least one column of values, found none")
        roles = [*self.features, *(() if self.task == "forecast" else self.target), self.sequence, self.time]
        named = [name for name in roles if name]
        for name in named:
            if named.count(name) > 1:
                raise InputError(f"features, target, sequence, time: column {name!r} has two roles; give it one")
        if self.group_pattern:
            try:
                groups = re.compile(self.group_pattern).groups
            except re.error as error:
                raise InputError(f"group_pattern: expected a regular expression ({error})") from error
            if groups < 1 or not self.is_folder or self.group:
                raise InputError("group_pattern: expected one (group) of a name in a folder, and no group column")

    def _check_split(self) -> None:
        if bool(self.validation_path) != bool(self.test_path):
            raise InputError("validation_path, test_path: expected both or none; a share is taken of one file only")
        if self.split.by == "group" and not self.grouped:
            raise InputError("split.by: expected a group column for 'group', found none; name it by group")
        if self.split.by == "time" and self.task == "class_per_sequence":
            raise InputError("split.by: expected sequence or group for class_per_sequence, found 'time'")

    @property
    def classes(self) -> bool:
        """Whether classes are learned, not values."""
        return self.task in ("class_per_sequence", "class_per_frame")

    @property
    def is_folder(self) -> bool:
        """Whether `path` has no ending of a table."""
        return Path(self.path).suffix.lower() not in TABLES

    @property
    def grouped(self) -> bool:
        """Whether sequences have a group that is never in two parts."""
        return bool(self.group or self.group_pattern)


def kind_of(config: DataConfig, path: Path) -> str:
    """The format of a table: as given, else by its ending; "" for a path without a known one, such as a folder."""
    return config.format or TABLES.get(path.suffix.lower(), "")


def delimiter_of(config: DataConfig, path: Path) -> str:
    """What stands between the cells of a CSV file."""
    return config.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ";" if config.decimal == "," else ",")
