"""A small file that asks for much is refused or stopped soon, and takes little until then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import peak_memory
import pytest
from bombs import BOMBS, GOLDEN, hidden, with_nodes

from rnnedge_runtime.untrusted import LIMITS

SECONDS, MIB = 2.0, 256


def try_file(path: Path, trust: str = "strict") -> tuple[float, int, str]:
    """Seconds of a processor, MiB and the result of a load in a process of its own, and in the one that it starts."""
    script = Path(__file__).with_name("try_bomb.py")
    folder = Path(peak_memory.__file__).parent
    places = {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
    with TemporaryDirectory() as state:
        # No file is known, so that each has its first opening.
        places["XDG_STATE_HOME"] = state
        done = subprocess.run(
            [sys.executable, str(script), str(path), trust], capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, **places},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    seconds, mib, result = done.stdout.strip().split(" ", 2)
    return float(seconds), int(mib), result


def in_time(seconds: float, folder: Path) -> bool:
    """Whether that is within bounds; on a busy machine the two processes take longer to start, as for a good file."""
    if seconds < SECONDS:
        return True
    good = shutil.copy(GOLDEN, folder / "good.onnx")
    return seconds - try_file(Path(good))[0] < LIMITS.seconds


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_two_seconds_and_256_mib(name: str, tmp_path: Path) -> None:
    """One line that names the reason, from a process that stays small."""
    path = tmp_path / "bomb.onnx"
    path.write_bytes(BOMBS[name]())
    seconds, mib, result = try_file(path)
    assert result.startswith("refused: ")
    assert "not a valid" not in result.lower()
    assert (in_time(seconds, tmp_path), mib < MIB) == (True, True), (seconds, mib, result)


def test_a_file_of_ten_gigabytes_is_not_read(tmp_path: Path) -> None:
    """Nor is a pipe waited for, nor a device read to its end."""
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(10 << 30)
    os.mkfifo(tmp_path / "pipe.onnx")
    for source, words in ((path, "at most"), (tmp_path / "pipe.onnx", "a plain file"), ("/dev/zero", "a plain file")):
        seconds, mib, result = try_file(Path(source))
        assert result.startswith("refused: ") and words in result
        assert in_time(seconds, tmp_path) and mib < MIB


def test_a_bomb_goes_off_without_care(tmp_path: Path) -> None:
    """Opening a fill of 400 MB takes as much in a file that is trusted, so the limits of the tests above can fail."""
    path = tmp_path / "bomb.onnx"
    nodes, constants = hidden([100_000_000])
    path.write_bytes(with_nodes(nodes, **constants))
    _, mib, result = try_file(path, trust="local")
    assert result == "accepted" and mib > MIB
    _, mib, result = try_file(path)
    assert result.startswith("refused") and mib < MIB


def test_a_good_file_is_accepted_in_the_same_bounds(tmp_path: Path) -> None:
    """The golden file, so that refusing everything would be noticed."""
    shutil.copy(GOLDEN, tmp_path / "good.onnx")
    seconds, mib, result = try_file(tmp_path / "good.onnx")
    assert (result, in_time(seconds, tmp_path), mib < MIB) == ("accepted", True, True)
