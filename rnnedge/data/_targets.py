"""What the sequences of a part should give: classes get numbers, a forecast looks ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rnnedge.data._config import DataConfig
from rnnedge.data._recording import Recording
from rnnedge.data._split import PARTS, Parts
from rnnedge.data._table import cell
from rnnedge.training._data import SequenceData
from rnnedge_runtime.errors import InputError


def labels_of(parts: Parts, config: DataConfig) -> tuple[str, ...]:
    """Every class, in the order of the numbers that they get: by value where all are whole numbers, else by name.

    Raises `InputError` for a class that stands in one part only, and if there is a single class.
    """
    if not config.classes:
        return ()
    counts = [class_counts(part) for part in parts]
    labels = set().union(*counts)
    for label in sorted(labels):
        seen = [name for name, count in zip(PARTS, counts, strict=True) if count[label]]
        if len(seen) == 1 or PARTS[0] not in seen:
            few = sum(count[label] for count in counts)
            much = f"{few} {_unit(config)}{'s' * (few > 1)}"
            raise InputError(
                f"{config.path}: class {cell(label)}: expected in {PARTS[0]} and in a held-out part, found in "
                f"{' and '.join(seen)} only ({much}); give more of it, leave it out, or set another split.seed"
            )
    if len(labels) < 2:
        raise InputError(f"{config.path}: expected at least two classes, found only {cell(*labels)}")
    whole = all(label.lstrip("-").isdecimal() for label in labels)
    return tuple(sorted(labels, key=lambda label: (int(label) if whole else 0, label)))


def class_counts(part: Sequence[Recording]) -> Counter[str]:
    """How many sequences, or frames, of every class there are."""
    counts: Counter[str] = Counter()
    for recording in part:
        counts.update([recording.target] if isinstance(recording.target, str) else recording.target.tolist())
    return counts


def sequence_data(part: Sequence[Recording], labels: tuple[str, ...], config: DataConfig) -> SequenceData:
    """`part` as the trainer takes it; `labels` from `labels_of`.

    The target of frame t of a forecast is frame t + horizon of its columns; the last frames have none and are left
    out. Raises `InputError` naming a sequence that is too short for that.
    """
    numbers = {label: i for i, label in enumerate(labels)}
    if config.task == "class_per_sequence":
        return SequenceData(tuple(r.frames for r in part), tuple(numbers[str(r.target)] for r in part), labels)
    if config.task == "class_per_frame":
        targets = tuple(np.array([numbers[label] for label in r.target], np.int64) for r in part)
        return SequenceData(tuple(r.frames for r in part), targets, labels)
    if config.task == "values_per_frame":
        return SequenceData(tuple(r.frames for r in part), tuple(r.target for r in part))
    ahead = config.horizon
    for recording in part:
        if len(recording) <= ahead:
            found = f"expected more than {ahead} frames (the horizon), found {len(recording)}"
            raise InputError(f"{recording.name}: {found}; leave it out, or look less far ahead")
    return SequenceData(tuple(r.frames[:-ahead] for r in part), tuple(r.target[ahead:] for r in part))


def _unit(config: DataConfig) -> str:
    return "sequence" if config.task == "class_per_sequence" else "frame"
