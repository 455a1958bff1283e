"""How a verb speaks: data to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Annotated, Any

import typer

from rnnedge.cli._streams import drop
from rnnedge.report.escape import in_json, inert

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
_WIDTH = 120


def say(message: object) -> None:
    """A line for the person in front, on stderr; text of files in it is inert, as in everything that is shown."""
    try:
        print(inert(message), file=sys.stderr, flush=True)
    except OSError:
        # The work goes on where its words are lost.
        drop(sys.stderr)


def tell(message: object) -> None:
    """A line on stdout."""
    print(inert(message))


def write(text: str) -> None:
    """Text of several lines, or a part of a line, on stdout at once."""
    sys.stdout.write(inert(text, keep="\n\t"))
    sys.stdout.flush()


def counted(number: int, what: str) -> str:
    """A number of things in words: "1 frame", "2 frames"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def print_json(kind: str, fields: Mapping[str, Any], version: int = 1) -> None:
    """One JSON object on stdout, with the name and version of its schema."""
    named = {"schema": f"rnnedge.{kind}", "schema_version": version, **fields}
    print(in_json(json.dumps(named, indent=2, allow_nan=False)))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; the columns after the first are right-aligned where they hold numbers."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=inert(title), title_justify="left", title_style="bold", header_style="bold")
    for index, column in enumerate(columns):
        numeric = index > 0 and all(str(row[index])[:1].isdigit() or str(row[index])[:1] in "-" for row in rows)
        table.add_column(inert(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(inert(cell) for cell in row))
    # Brackets and colons of a name are no styles and no pictures.
    plain: dict[str, Any] = {"markup": False, "emoji": False}
    console = Console(**plain)
    if not console.is_terminal:
        console = Console(width=_WIDTH, **plain)
    # Written by ourselves, because rich ends the process where a pipe is closed.
    with console.capture() as drawn:
        console.print(table)
    sys.stdout.write(drawn.get())
    sys.stdout.flush()


@contextmanager
def stages(title: str) -> Iterator[Any]:
    """A spinner on stderr that names the stage at work; silent where stderr is no terminal.

    With RNNEDGE_STAGES in the environment each stage is a line there, for a program that shows it to its own user.
    """
    if not sys.stderr.isatty():
        yield say if "RNNEDGE_STAGES" in os.environ else lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(inert(title))) as status:
        yield lambda stage: status.update(Text(inert(f"{title}: {stage}")))


class Milestones:
    """Names of the stages of long work, each with the time it took, on stderr; call it as a stage begins."""

    def __init__(self, status: Any) -> None:
        """`status`: rich's spinner where stderr is a terminal, else None."""
        self._status = status
        self._stage = ""
        self._started = perf_counter()

    def __call__(self, stage: str) -> None:
        """The stage before is done, `stage` begins."""
        if self._stage:
            say(f"{perf_counter() - self._started:6.1f} s  {self._stage}")
        self._stage = stage
        self._started = perf_counter()
        self.detail("")

    def detail(self, text: str) -> None:
        """How far the stage is, next to the spinner."""
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(inert(f"{self._stage}  {text}")))


@contextmanager
def milestones() -> Iterator[Milestones]:
    """Shows stages while the block runs."""
    if not sys.stderr.isatty():
        milestone = Milestones(None)
        yield milestone
        milestone("")
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        milestone = Milestones(status)
        yield milestone
        milestone("")
