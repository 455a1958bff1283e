"""Links from one page to others of the same model."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from html import unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import read_plain

# A page with many drawings has megabytes; its title is at the beginning.
_LARGEST, _HEAD = 64 << 20, 1 << 16
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL | re.IGNORECASE)


class Link(NamedTuple):
    """`address`: relative to the page that has the link, so that a folder of pages can be moved."""

    title: str
    address: str


def links_to(pages: Iterable[Path], of: Path) -> list[Link]:
    """A link to each page, by its title, for the page `of`; raises `InputError` for one that is no page."""
    return [Link(_title(page), _address(page, of)) for page in pages]


def _title(page: Path) -> str:
    head = read_plain(page, InputError, most=_LARGEST)[:_HEAD].decode("utf-8", errors="replace")
    found = _TITLE.search(head)
    if found is None:
        raise InputError(f"{page}: expected an HTML page with a title, found none; link one that rnnedge wrote")
    return " ".join(unescape(found[1]).split()) or page.name


def _address(page: Path, of: Path) -> str:
    """With "./" in front: a name with a colon is no scheme."""
    return "./" + quote(Path(os.path.relpath(page, of.parent)).as_posix())
