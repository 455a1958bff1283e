"""What a latency was measured on: figures without their machine say nothing."""

from rnnedge_runtime.host._fingerprint import fingerprint
from rnnedge_runtime.host._noise import warnings_of
from rnnedge_runtime.host._throttle import Throttling, throttling

__all__ = ["Throttling", "fingerprint", "throttling", "warnings_of"]
