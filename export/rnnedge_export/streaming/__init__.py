"""From an offline graph to a streaming one."""

from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.streaming._registry import operators
from rnnedge_export.streaming.facts import Step
from rnnedge_export.streaming.streamify import Streaming, streamify

__all__ = ["Lengths", "Step", "Streaming", "operators", "streamify"]
