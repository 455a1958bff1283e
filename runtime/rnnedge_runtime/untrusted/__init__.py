"""Open untrusted files (`trust="strict"`)."""

from rnnedge_runtime.untrusted._load import Apart, open_untrusted
from rnnedge_runtime.untrusted.limits import LIMITS, Limits

__all__ = ["LIMITS", "Apart", "Limits", "open_untrusted"]
