"""What scripts write into README.md stands between two marks of its own: `<!-- NAME:begin -->`, `<!-- NAME:end -->`."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def between(text: str, name: str) -> str:
    """What stands between the marks; raises `ValueError` where they are missing."""
    return _split(text, name)[1]


def put_between(text: str, name: str, body: str) -> str:
    """The text with `body` between the marks."""
    before, _, after = _split(text, name)
    return f"{before}\n{body}\n{after}"


def _split(text: str, name: str) -> tuple[str, str, str]:
    """Up to the end of the first mark, between, from the second on."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = text.partition(begin)
    body, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"README: expected the marks {begin} and {end}, found {'one' if found else 'none'} of them")
    return before + begin, body.strip("\n"), end + after
