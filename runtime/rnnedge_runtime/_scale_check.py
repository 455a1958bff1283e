"""Frames of another scale than a file was proven on: 16-bit samples for numbers up to 1, grams for kilograms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_runtime.contract import Array, Contract

_FAR = 1000
# Calls of silence after which no more is looked at, so that it costs a steady stream nothing.
_MOST_LOOKS = 16


class ScaleCheck:
    """Looks at the first frames of a stream that are not all zero, once; made with the stream, and dropped then."""

    def __init__(self, largest: Mapping[str, float]) -> None:
        """`largest`: by input, the largest magnitude in the golden sample."""
        self._largest = largest
        self._looks = 0

    def look(self, arrays: Mapping[str, Array]) -> tuple[bool, str]:
        """Whether it is over: frames were seen that tell, or silence for long; and what there is to warn of, or ""."""
        self._looks += 1
        warned = ""
        told = self._looks >= _MOST_LOOKS
        for name, proven in self._largest.items():
            found = float(np.max(np.abs(arrays[name]), initial=0, where=np.isfinite(arrays[name])))
            told = told or found > 0
            if found > _FAR * proven:
                warned = (
                    f"input {name!r}: numbers up to {found:.3g}, but the file was proven on such up to {proven:.3g}; "
                    "if these are 16-bit samples, divide them by 32768, else look at their unit"
                )
        return told, warned


def scale_check_of(contract: Contract) -> ScaleCheck | None:
    """Of the golden sample; None if there is none, none of a scale, or where the exporter did not write it."""
    golden = contract.golden
    if golden is None or "rnnedge" not in contract.provenance:
        return None
    floats = {name: x for name, x in golden.inputs.items() if x.dtype.kind == "f" and x.size}
    largest = {name: float(np.max(np.abs(x), initial=0)) for name, x in floats.items()}
    known = {name: most for name, most in largest.items() if most > 0}
    return ScaleCheck(known) if known else None
