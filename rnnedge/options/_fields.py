"""Fields of a config with bounds, checked in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, field, fields
from typing import TYPE_CHECKING, Any

from rnnedge.options._space import Space
from rnnedge_runtime.annotated import check_fields
from rnnedge_runtime.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def option(
    default: Any = MISSING,
    *,
    one_of: Sequence[str] = (),
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    search: Space | None = None,
) -> Any:
    """A field of a frozen dataclass, whose value is `one_of` some, at `least`, `above` or `below` a number.

    `search`: what a search may try. `check` looks at the bounds.
    """
    bounds = {"one_of": tuple(one_of), "least": least, "above": above, "below": below}
    return field(default=default, metadata={**bounds, "search": search})


def check(config: DataclassInstance) -> None:
    """Raise `InputError` naming the first field of the wrong type, or out of its bounds."""
    check_fields(config)
    for one in fields(config):
        expected = _expected(getattr(config, one.name), one.metadata) if "one_of" in one.metadata else None
        if expected is not None:
            raise InputError(f"{one.name}: expected {expected}, found {getattr(config, one.name)!r}")


def search_space(kind: type[DataclassInstance]) -> dict[str, Space]:
    """The fields that a search varies, in their order."""
    return {one.name: one.metadata["search"] for one in fields(kind) if one.metadata.get("search") is not None}


def _expected(value: Any, bounds: Mapping[str, Any]) -> str | None:
    """What is expected of a value, or of each in a tuple, that is out of bounds; NaN is out of all of them."""
    if isinstance(value, tuple):
        return next((expected for one in value if (expected := _expected(one, bounds)) is not None), None)
    if bounds["one_of"] and value not in bounds["one_of"]:
        return f"one of {', '.join(bounds['one_of'])}"
    least, above, below = bounds["least"], bounds["above"], bounds["below"]
    if least is not None and not value >= least:
        return "0 or more" if least == 0 else f"at least {least}"
    if above is not None and not value > above:
        return "a positive number" if above == 0 else f"more than {above}"
    if below is not None and not value < below:
        return f"less than {below}"
    return None
