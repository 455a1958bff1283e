"""What the kernel tells in small files: a fact, or None where the file is absent, unreadable or says something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path


def text(path: Path) -> str | None:
    """The file without the white space and NULs around; None where it cannot be read or is empty."""
    try:
        return path.read_bytes().decode("utf-8", errors="replace").strip(" \t\r\n\0") or None
    except OSError:
        return None


def number(path: Path) -> int | None:
    """The whole number in the file; None where it holds no number, such as `max`."""
    words = text(path)
    return int(words) if words is not None and re.fullmatch(r"-?\d+", words) else None


def lines(path: Path) -> list[str]:
    """The lines of the file; none where it cannot be read."""
    return (text(path) or "").splitlines()


def fields(path: Path) -> dict[str, str]:
    """`name: value` or `name value` a line, as in /proc/meminfo and cpu.stat; of equal names the first counts."""
    found: dict[str, str] = {}
    for line in lines(path):
        name, _, value = line.partition(":") if ":" in line else line.partition(" ")
        found.setdefault(name.strip(), value.strip())
    return found


def matches(folder: Path, pattern: str) -> Iterator[Path]:
    """Paths in `folder` that match, by the numbers in their names: cpu2 before cpu10."""
    try:
        found = list(folder.glob(pattern))
    except OSError:
        return
    yield from sorted(found, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))])


def spans(numbers: str) -> list[int]:
    """The kernel's lists of processors: `0-2,4` is 0, 1, 2, 4; so are the blanks of `0 1 2 4`."""
    found: list[int] = []
    for part in re.split(r"[,\s]+", numbers.strip()):
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if ends is not None:
            found += range(int(ends[1]), int(ends[2] or ends[1]) + 1)
    return found


def as_spans(numbers: list[int]) -> str:
    """The inverse of `spans`: 0, 1, 2, 4 is `0-2,4`."""
    parts: list[list[int]] = []
    for value in sorted(set(numbers)):
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
