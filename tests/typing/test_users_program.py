"""What a type checker says of a user's program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What a device has: the exporter brings PyTorch along, which takes a type checker half a minute.
CONFIG = """
[mypy]
strict = True
follow_imports = silent
[mypy-rnnedge_export.*]
follow_imports = skip
[mypy-onnxruntime.*]
ignore_missing_imports = True
"""
PROGRAM = Path(__file__).with_name("users_program.py")


def test_a_user_s_program_has_types_without_a_cast_and_a_mistake_is_seen(tmp_path: Path):
    """mypy, strict, over the program, and over the same with an array used as a dict and a dict as an array."""
    mistakes = "\n\ndef wrong(model: Model, two: Model[Outputs], x: Outputs) -> None:\n"
    mistakes += "    model.stream().push(x).items()\n    two.run(x).argmax()\n    two.stream().finish().shape\n"
    (tmp_path / "right.py").write_bytes(PROGRAM.read_bytes())
    (tmp_path / "wrong.py").write_text(PROGRAM.read_text(encoding="utf-8") + mistakes, encoding="utf-8")
    (tmp_path / "mypy.ini").write_text(CONFIG, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--no-error-summary",
        "--cache-dir",
        ROOT / ".mypy_cache" / "users_program",
    ]
    path = os.pathsep.join(str(folder) for folder in (ROOT, ROOT / "export", ROOT / "runtime"))
    done = subprocess.run(
        [*command, "right.py", "wrong.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and all(line.startswith("wrong.py") and "[attr-defined]" in line for line in lines), done
