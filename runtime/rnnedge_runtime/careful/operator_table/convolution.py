"""Convolutions, plain and transposed."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import LARGEST, SIZES, Integer, Integers, Kind, Word
from rnnedge_runtime.careful.operator_table.table import Row, rows

PADS = Integers(0, LARGEST)
AUTO_PAD = Word(("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
_BOTH: dict[str, Kind] = {
    "auto_pad": AUTO_PAD,
    "dilations": SIZES,
    "group": Integer(1, LARGEST),
    "kernel_shape": SIZES,
    "pads": PADS,
    "strides": SIZES,
}

rows("Conv", Row((2, 3), attributes=_BOTH))
rows("ConvTranspose", Row((2, 3), attributes={**_BOTH, "output_padding": PADS, "output_shape": SIZES}))
