"""Begin a project: an empty folder becomes one that trains, exports, proves, measures, compiles and tests a detector.

What is yours in it are ten lines: `recipe.toml` says which data and which network, and `BUDGET` in the `Makefile` what
a push may take. Example data make it run at once; your own take their place. A workflow for CI is there too.

**Example:**  `rnnedge new my-detector && cd my-detector && make`
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from rnnedge.cli._options import written_folder
from rnnedge.cli._output import JsonOption


def command(
    folder: Annotated[
        Path, typer.Argument(parser=written_folder, metavar="FOLDER", help="The folder to write; new, or empty.")
    ],
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import print_json, tell
    from rnnedge.starter import write_project

    written = write_project(folder)
    if json:
        print_json("new", {"folder": str(folder), "files": [str(path) for path in written]})
        return
    for path in written:
        tell(path)
    # What begins with a dash is no option of cd.
    there = f"./{folder}" if str(folder).startswith("-") else str(folder)
    tell(f"now: cd {quote(there)} && make")
