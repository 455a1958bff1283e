"""Rules of the operators, one family a module; importing this package registers them all."""

from rnnedge_export.native.families import (
    elementwise,
    layout,
    product,
)

__all__ = ["elementwise", "layout", "product"]
