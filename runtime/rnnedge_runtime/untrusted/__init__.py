"""The careful loader: for files from somebody else (`trust="strict"`)."""

from rnnedge_runtime.untrusted._load import Apart, load_carefully
from rnnedge_runtime.untrusted.limits import LIMITS, Limits

__all__ = ["LIMITS", "Apart", "Limits", "load_carefully"]
