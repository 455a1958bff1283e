"""What a latency was measured on: figures without their machine say nothing."""

from rnnedge_runtime.host.doubts import warnings_of
from rnnedge_runtime.host.facts import fingerprint
from rnnedge_runtime.host.throttle import Throttling, throttling

__all__ = ["Throttling", "fingerprint", "throttling", "warnings_of"]
