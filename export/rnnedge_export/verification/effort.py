"""How hard a file is proven: a parameter of `export`, `convert`, `adopt` and `verify`."""

from __future__ import annotations

from dataclasses import dataclass

_MOST = 1 << 24


@dataclass(frozen=True)
class Effort:
    """What a file is proven on.

    `lengths`: frames of whole sequences; those are taken that the source takes, and multiples of them for a network
    with strides or lookahead. `batches`: sequences together. `frames`: chained frames of the longest run, without a
    reset; a network of attention over everything gets fewer.

    Raises `ModelRefused` for anything but whole numbers from 1.
    """

    lengths: tuple[int, ...] = (1, 2, 7, 131)
    batches: tuple[int, ...] = (1, 3)
    frames: int = 10_000

    def __post_init__(self) -> None:
        """Check every field."""
        from rnnedge_runtime.arguments import integer, items
        from rnnedge_runtime.errors import ModelRefused

        for name in ("lengths", "batches"):
            given = items(getattr(self, name), f"effort: {name}", "numbers", ModelRefused)
            found = tuple(integer(one, f"effort: {name}", 1, _MOST, ModelRefused) for one in given)
            if not found:
                raise ModelRefused(f"effort: {name}: expected at least one number, found none")
            object.__setattr__(self, name, found)
        object.__setattr__(self, "frames", integer(self.frames, "effort: frames", 1, _MOST, ModelRefused))


# What a file is proven on unless something else is asked for.
FULL = Effort()
