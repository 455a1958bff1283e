"""Rules of the operators, one family a module; importing this package registers them all."""

from rnnedge_export.native.families import (
    convolution,
    elementwise,
    layout,
    product,
    recurrent,
)

__all__ = ["convolution", "elementwise", "layout", "product", "recurrent"]
