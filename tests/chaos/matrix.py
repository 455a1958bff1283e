"""Every fault at every system call of a writer, and what has to hold after each."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import strace
from broken import BROKEN
from strace import Ended, Point
from writers import WRITERS, temporary

FAULTS = {
    "kill": "signal=SIGKILL",
    "EIO": "error=EIO",
    "ENOSPC": "error=ENOSPC",
    "SIGINT": "signal=SIGINT",
    "SIGTERM": "signal=SIGTERM",
}
_CODES = {"SIGINT": 130, "SIGTERM": 143}
# Where one of these fails, the bytes may not be on the disk: to end well would be a lie.
_MUST_TELL = ("write", "writev", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2")
_UNLINKS = ("unlink", "unlinkat")
_LOOKS = ("stat", "fstat", "newfstatat", "lstat", "statx", "read", "getdents64")
FULL = os.environ.get("RNNEDGE_CHAOS") == "full"


@dataclass
class Scene:
    """A folder with the old version of one kind of file, made anew for each fault."""

    name: str
    folder: Path

    def __post_init__(self) -> None:
        known = WRITERS | BROKEN
        self.writer = known[self.name]
        script = "writers.py" if self.name in WRITERS else "broken.py"
        self.command = [sys.executable, str(Path(__file__).with_name(script)), self.name, str(self.folder / "now")]
        self.writer.write(self._made("old"), "old")

    def files(self) -> set[str]:
        """What lies in the folder."""
        return {path.name for path in (self.folder / "now").iterdir()}

    def fresh(self) -> None:
        """The old version lies there again."""
        shutil.rmtree(self.folder / "now", ignore_errors=True)
        shutil.copytree(self.folder / "old", self.folder / "now")

    def paths(self) -> list[Path]:
        """Every file before and after, its temporary one, and the folder."""
        self.fresh()
        names = self.files()
        ended = strace.run(self.command, [self.folder / "now"])
        assert ended.code == 0, ended.err
        files = [self.folder / "now" / name for name in sorted(names | self.files())]
        return [self.folder / "now", *files, *map(temporary, files)]

    def points(self, paths: list[Path]) -> list[Point]:
        """Every system call of an undisturbed write."""
        self.fresh()
        found = strace.points(self.command, paths)
        self.after = self.files()
        assert self.writer.read(self.folder / "now") == "new"
        return found

    def hit(self, paths: list[Path], *faults: tuple[Point, str]) -> Ended:
        """Write once with these faults."""
        self.fresh()
        return strace.run(self.command, paths, *faults)

    def _made(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True)
        return path


def check_all(name: str, fault: str, twice: bool = False) -> int:
    """Make each call of a writer fail in turn, `twice`: and every removal too; returns how many there were.

    The short version leaves out the calls that only look, and signals at two calls of three. Raises `AssertionError`
    for the first call after which the files are not as they have to be.
    """
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        scene = Scene(name, Path(folder))
        paths = scene.paths()
        points = [point for point in scene.points(paths) if FULL or point.call not in _LOOKS]
        if fault in _CODES and not FULL:
            points = points[::3]
        for point in points:
            more = [(Point(call, 1), FAULTS[fault]) for call in _UNLINKS if call != point.call] if twice else []
            ended = scene.hit(paths, (point, FAULTS[fault]), *more)
            place = f"{name}, {fault} at {point.call} {point.number}: code {ended.code}, {ended.err.strip()[-800:]}"
            assert ended.reached, f"{place}: not reached"
            _check_version(scene, fault, place)
            if fault == "kill":
                assert ended.code == -9, place
            else:
                _check_end(ended, fault, point, place)
                _check_left(scene, place, strays=twice)
    return len(points)


def orders(name: str) -> Iterator[str]:
    """For each file of a writer, what befell it in order, until its name is on the disk.

    "w" written, "s" synced, "r" renamed, "f" its folder synced: only "wsrf" outlasts a power cut.
    """
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        scene = Scene(name, Path(folder))
        paths = scene.paths()
        log = scene.hit(paths).log
        for target in [path for path in paths[1:] if path.name[0] != "."]:
            temp = re.escape(str(temporary(target)))
            kinds = {
                "w": rf"\d+ +write\(\d+<{temp}>",
                "s": rf"\d+ +f(data)?sync\(\d+<{temp}>",
                "r": rf'\d+ +rename\w*\(.*"{temp}".*"{re.escape(str(target))}"',
                "f": rf"\d+ +fsync\(\d+<{re.escape(str(target.parent))}>",
            }
            story = "".join(k for line in log.splitlines() for k, found in kinds.items() if re.match(found, line))
            if "r" in story:
                yield re.sub("w+", "w", story.lstrip("f"))[:4]


def _check_version(scene: Scene, fault: str, place: str) -> None:
    try:
        version = scene.writer.read(scene.folder / "now")
    except Exception as error:
        raise AssertionError(f"{place}: the file is torn: {type(error).__name__}: {error}") from error
    assert version in ("old", "new", *(["part"] if fault in _CODES else [])), f"{place}: the file is {version}"


def _check_end(ended: Ended, fault: str, point: Point, place: str) -> None:
    expected = _CODES.get(fault, 6)
    assert ended.code in (0, expected), f"{place}: another error than InputError leaked"
    if ended.code:
        words = ended.err.strip().splitlines()
        assert len(words) == 1 and words[0].startswith("rnnedge: "), f"{place}: more than one line"
    elif fault not in _CODES:
        assert point.call not in _MUST_TELL, f"{place}: a failure was not told"


def _check_left(scene: Scene, place: str, *, strays: bool) -> None:
    before = {path.name for path in (scene.folder / "old").iterdir()}
    left = {name for name in scene.files() - before - scene.after if not (strays and name.endswith(".tmp"))}
    assert not left, f"{place}: left behind: {sorted(left)}"
