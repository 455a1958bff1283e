"""Rules of the operators, one family a module; importing this package registers them all."""

from rnnedge_export.codegen.lower import (
    activations,
    argument,
    blocks,
    convolution,
    cumulative,
    elementwise,
    layout,
    normalization,
    pooling,
    product,
    quantized,
    recurrent,
    reductions,
    resize,
    selection,
    softmax,
)

__all__ = [
    "activations",
    "argument",
    "blocks",
    "convolution",
    "cumulative",
    "elementwise",
    "layout",
    "normalization",
    "pooling",
    "product",
    "quantized",
    "recurrent",
    "reductions",
    "resize",
    "selection",
    "softmax",
]
