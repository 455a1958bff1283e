"""How the recurrent loop is written: native operators, Scan, a fixed chunk unrolled, or one frame.

`lower` rewrites every recurrent node and Scan of a model; `drop_singleton` takes a size-1 axis out of the signature
and of everything that follows from it, which makes the step form two-dimensional.
"""

from rnnedge_export.forms.lower import FORMS, lower
from rnnedge_export.forms.singleton import drop_singleton

__all__ = ["FORMS", "drop_singleton", "lower"]
