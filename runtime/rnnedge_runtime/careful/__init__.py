"""The careful loader: for files from somebody else (`trust="strict"`)."""

from rnnedge_runtime.careful.limits import LIMITS, Limits
from rnnedge_runtime.careful.load import Apart, load_carefully

__all__ = ["LIMITS", "Apart", "Limits", "load_carefully"]
