"""Rules of the operators, one family a module; importing this package registers them all."""

from rnnedge_export.native.families import (
    convolution,
    elementwise,
    layout,
    normalization,
    product,
    recurrent,
    reductions,
    softmax,
)

__all__ = ["convolution", "elementwise", "layout", "normalization", "product", "recurrent", "reductions", "softmax"]
