"""What is a number in a file of text, and which first line is a header: one rule for every reader.

A number is what Python's `float` reads of ASCII letters, without underscores: `1`, ` -2.5 `, `.5`, `1e5`, `nan`, `inf`.
So `1_0`, `0x10`, `1,5`, `1.0f` and digits of other scripts are none. With decimal commas, `1,5` is one and `1.5` none,
as a point would be between thousands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# What tables say for "nothing": no name of a column, and no header where it stands in the first line.
_NOTHING = (
    "na", "n/a", "#n/a", "<na>", "nat", "null", "nul", "none", "nil", "undefined", "missing", "true", "false",
)  # fmt: skip
# What C and spreadsheets print in place of a number: nan(ind), -nan(0x8), #DIV/0!, #NAME?
_FAULT = re.compile(r"[+-]?(nan|ind|inf)\(.*\)|#[a-z0-9/]+[!?]")


# The signs in numbers.
DECIMALS = (".", ",")
_SWAPPED = str.maketrans(",.", ".,")


def number(text: str, decimal: str = ".") -> float:
    """The number that `text` is; raises `ValueError` where it is none."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return float(with_point(text, decimal))


def with_point(text: str, decimal: str) -> str:
    """`text` with a decimal point in the place of `decimal`; what has a point already has none then."""
    return text if decimal == "." else text.translate(_SWAPPED)


def is_number(text: str, decimal: str = ".") -> bool:
    """Whether `number` reads it."""
    try:
        number(text, decimal)
    except ValueError:
        return False
    return True


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first line holds names: none of its cells is a number, some are names, and the others are empty.

    The first letter or digit of a name is a letter. A line with a cell that is neither is no header, so that a frame
    with a typing error is never taken for one.
    """
    return any(map(_is_name, cells)) and all(_is_name(cell) or not cell.strip() for cell in cells)


def _is_name(cell: str) -> bool:
    begins = next((c for c in cell if c.isalnum() or c == "_"), "")
    plain = cell.strip().lower()
    faulty = plain in _NOTHING or _FAULT.fullmatch(plain) is not None
    return (begins.isalpha() or begins == "_") and not faulty and not is_number(cell)
