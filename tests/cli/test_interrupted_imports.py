"""A signal in the middle of an import ends a command at once; what it had not finished is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import signal
import sys
from pathlib import Path
from rnnedge.cli._interruption import Interruption
from rnnedge_runtime.atomic import open_text
from rnnedge_runtime.temporary import temporary_folder

# A shell in the background lets its commands ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
Interruption().listen()
with temporary_folder("test") as folder, open_text("out.csv") as out:
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_text("1")
    out.write("half")
    out.flush()
    print(len(list(Path().iterdir())), len(list(folder.parent.iterdir())), flush=True)
    import ends_it
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_nothing_unfinished_is_left(name: str, tmp_path: Path) -> None:
    """No temporary folder, no half of an output; the older output is whole."""
    modules, temporary, here = (tmp_path / part for part in ("modules", "temporary", "here"))
    for folder in (modules, temporary, here):
        folder.mkdir()
    (here / "out.csv").write_text("old")
    (modules / "ends_it.py").write_text(
        f"import os, signal, time\nos.kill(os.getpid(), signal.{name})\ntime.sleep(60)\n"
    )
    paths = os.pathsep.join([str(modules), *sys.path])
    given = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=here, env=given, capture_output=True, text=True)
    assert done.returncode == (143 if name == "SIGTERM" else 130), done.stderr
    # While it ran there were two files here, and a folder.
    assert done.stdout.split() == ["2", "1"]
    assert not list(temporary.iterdir())
    assert [path.name for path in here.iterdir()] == ["out.csv"] and (here / "out.csv").read_text() == "old"
