"""How the recurrent loop is written: native operators, Scan, a fixed chunk unrolled, or one frame.

`lower` rewrites every recurrent node and Scan of a model.
"""

from rnnedge_export.forms.lower import lower

__all__ = ["lower"]
