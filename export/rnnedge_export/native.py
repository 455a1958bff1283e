"""The former name of `rnnedge_export.codegen`; the next release has it no more."""

from __future__ import annotations

import warnings
from typing import Any

from rnnedge_export import codegen

# An editable install of before still has these two as its entry points.
_QUIET = ("build_library", "identity")


def __getattr__(name: str) -> Any:
    """The same name of `rnnedge_export.codegen`, with a warning."""
    found = getattr(codegen, name)
    if name not in _QUIET:
        warnings.warn(f"rnnedge_export.native: use rnnedge_export.codegen.{name}", DeprecationWarning, stacklevel=2)
    return found
