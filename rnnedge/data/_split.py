"""Which sequences are learned from, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnedge.data._config import DataConfig, SplitConfig
from rnnedge.data._recording import Recording
from rnnedge_runtime.errors import InputError

PARTS = ("training", "validation", "test")
_DRAWS = 100
Parts = tuple[tuple[Recording, ...], tuple[Recording, ...], tuple[Recording, ...]]


def split(sequences: Sequence[Recording], config: DataConfig) -> Parts:
    """Training, validation and test, as `config.split` says; each in the order of the file.

    By sequence, the shares are taken of every class where a sequence has one. By group, groups are drawn until every
    class is in every part, if a hundred draws suffice. Raises `InputError` where a part would be empty.
    """
    how = config.split
    by = how.by or ("group" if config.grouped else "time" if len(sequences) == 1 else "sequence")
    if by == "time":
        if config.task == "class_per_sequence":
            raise InputError(f"{config.path}: expected several sequences, found one; name the column of sequence ids")
        return _by_time(sequences, how, config.horizon if config.task == "forecast" else 0)
    keys = [recording.group if by == "group" else str(i) for i, recording in enumerate(sequences)]
    classes = {
        key: recording.target
        for key, recording in zip(keys, sequences, strict=True)
        if by == "sequence" and isinstance(recording.target, str)
    }
    carried: dict[str, set[str]] = {}
    for key, recording in zip(keys, sequences, strict=True):
        if by == "group" and isinstance(recording.target, str):
            carried.setdefault(key, set()).add(recording.target)
    part = _drawn_with_every_class(list(dict.fromkeys(keys)), classes, carried, how)
    counts = [list(part.values()).count(i) for i in range(3)]
    if not all(counts):
        raise InputError(
            f"{config.path}: expected at least one {by} in each of {', '.join(PARTS)}, found {len(part)} in all; give "
            f"more data, or split.by = {'time' if not config.classes else 'sequence'!r}"
        )
    training, validation, test = (
        tuple(recording for key, recording in zip(keys, sequences, strict=True) if part[key] == i) for i in range(3)
    )
    return training, validation, test


def _drawn_with_every_class(
    keys: list[str], classes: dict[str, str], carried: dict[str, set[str]], how: SplitConfig
) -> dict[str, int]:
    """The first of a hundred draws whose parts lack no class of the groups, or the one whose parts lack the fewest."""
    generator = np.random.default_rng(how.seed)
    best, most = _drawn(keys, classes, how, generator), len(PARTS) * len(set().union(*carried.values()))
    for _ in range(_DRAWS if carried else 0):
        if _present(best, carried) == most:
            break
        best = max(best, _drawn(keys, classes, how, generator), key=lambda part: _present(part, carried))
    return best


def _present(part: dict[str, int], carried: dict[str, set[str]]) -> int:
    """How many classes are in the parts, counted once a part."""
    return len({(part[key], label) for key, labels in carried.items() for label in labels})


def _drawn(
    keys: list[str], classes: dict[str, str], how: SplitConfig, generator: np.random.Generator
) -> dict[str, int]:
    """The part of every key, drawn within each class; a class of three or more is in every part."""
    part = {}
    for label in sorted({classes.get(key, "") for key in keys}):
        own = [key for key in keys if classes.get(key, "") == label]
        shuffled = [own[i] for i in generator.permutation(len(own))]
        held = [_count(how.validation, len(own)), _count(how.test, len(own))]
        for i, key in enumerate(shuffled):
            part[key] = 1 if i < held[0] else 2 if i < sum(held) else 0
    return part


def _count(share: float, of: int) -> int:
    """At least one where one is left for each of the others."""
    return max(round(share * of), 1 if of >= len(PARTS) else 0)


def _by_time(sequences: Sequence[Recording], how: SplitConfig, horizon: int) -> Parts:
    """Every sequence is cut twice: its end is for the test, what stands before that for validation."""
    parts: tuple[list[Recording], list[Recording], list[Recording]] = ([], [], [])
    for recording in sequences:
        last = len(recording) - round(how.test * len(recording))
        middle = last - round(how.validation * len(recording))
        for part, (start, stop) in zip(parts, ((0, middle), (middle, last), (last, len(recording))), strict=True):
            if stop - start <= horizon:
                raise InputError(
                    f"{recording.name}: expected more than {horizon} frames in each of {', '.join(PARTS)}, found "
                    f"{len(recording)} in all; give more frames, or larger shares in [data.split]"
                )
            part.append(recording.cut(start, stop))
    return tuple(parts[0]), tuple(parts[1]), tuple(parts[2])
