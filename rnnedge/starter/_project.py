"""The files of a new project: data, network and budget of its own, and what trains, proves and measures it."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from rnnedge_runtime.atomic import make_folder, write_text
from rnnedge_runtime.errors import InputError

# Template -> where it goes; the name of the project stands for NAME in both.
FILES = {
    "recipe.toml": "recipe.toml", "make_data.py": "make_data.py", "Makefile": "Makefile", "README.md": "README.md",
    "test_detector.py": "test_NAME.py", "requirements.txt": "requirements.txt", "ci.yml": ".github/workflows/ci.yml",
    "gitignore": ".gitignore",
}  # fmt: skip


def write_project(folder: Path) -> list[Path]:
    """Write the files into `folder`, which is made and has to be empty; returns their paths.

    Raises `InputError` for a folder with something in it, and for a name that is none for a file of Python.
    """
    name = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")
    if not name or name[0].isdigit() or not folder.name.isprintable():
        raise InputError(f"{folder}: expected a name that begins with a letter, and can be shown, such as my-detector")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: expected a new or an empty folder, found something in it; choose another name")
    written = []
    for template, place in FILES.items():
        text = (resources.files("rnnedge.starter") / "templates" / f"{template}.txt").read_text(encoding="utf-8")
        path = folder / place.replace("NAME", name)
        make_folder(path.parent)
        written.append(write_text(path, text.replace("NAME", name)))
    return written
