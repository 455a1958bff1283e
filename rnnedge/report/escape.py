r"""Text of files, recipes and other machines, made inert for the medium that shows it.

Names, labels and notes are whatever somebody wrote into a file. A function for each medium makes them letters and
nothing else: they move no cursor, run no formula, open no tag and set no formula in type. What is printable stays as it
is; everything else is written as Python writes it in a string: `\x1b`, `\u202e`, `\ud800`.
"""

from __future__ import annotations

from unicodedata import category

from rnnedge.files.numbers import is_number

# What spreadsheets take for the beginning of a formula, in the letters of East Asian keyboards too.
_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
# Of Markdown: what begins code, emphasis, a link, a picture, a cell; tags and entities are written as entities.
_MARKDOWN = str.maketrans(
    {**{sign: f"\\{sign}" for sign in "\\`*_[]|~"}, "<": "&lt;", ">": "&gt;", "&": "&amp;", "#": "&#35;"}
)
# Letters of a name in a drawing.
_LONG_NAME = 60


def inert(text: object, keep: str = "") -> str:
    r"""Letters, marks, signs and spaces as they are; everything else escaped, but for what is in `keep`.

    Escaped are the control characters C0 and C1, line ends too, format characters (bidirectional overrides and marks,
    those without width), private and unassigned ones, and lone surrogates, which no encoding has.
    """
    given = str(text)
    if given.isprintable():
        return given
    return "".join(
        c if c.isprintable() or c in keep or category(c) == "Zs" else c.encode("unicode_escape").decode() for c in given
    )


def in_csv(text: object) -> str:
    """A cell of text for a spreadsheet: with an apostrophe in front where it would be a formula; numbers stay."""
    shown = inert(text)
    begins = shown.lstrip()[:1]
    return f"'{shown}" if begins and begins in _FORMULA and not is_number(shown) else shown


def in_markdown(text: object) -> str:
    """Text within a line or a cell of Markdown."""
    return inert(text).translate(_MARKDOWN)


def in_drawing(name: object, longest: int = _LONG_NAME) -> str:
    """Text that matplotlib draws: no formula between dollar signs; of a long name the end, which tells files apart."""
    shown = inert(name)
    short = shown if len(shown) <= longest else f"…{shown[1 - longest :]}"
    # matplotlib leaves a name that is empty, or begins with an underscore, out of a legend.
    spaced = short if short and not short.startswith("_") else f" {short}"
    return spaced.replace("$", r"\$")


def in_json(document: str) -> str:
    r"""A JSON document in ASCII, as `json.dumps` writes it: only DEL is left to escape."""
    return document.replace("\x7f", "\\u007f")
