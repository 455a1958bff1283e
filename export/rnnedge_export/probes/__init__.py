"""Inner values of every recurrence as outputs of a file: what a device shows of its network, without torch.

`insert_taps` adds them to the offline graph, before anything streams, so that every later pass treats them as it treats
any output. `TappedSource` is the oracle for them: the gates by their equations, apart from how a file computes them.
"""

from rnnedge_export.probes._insert import Tapped, insert_taps
from rnnedge_export.probes._oracle import TappedSource, with_taps
from rnnedge_export.probes._selection import needs_scan

__all__ = ["Tapped", "TappedSource", "insert_taps", "needs_scan", "with_taps"]
