"""A Python loop over time, captured unrolled and rolled back into a scan.

torch.export unrolls `for t in range(x.shape[1])` at the length of the example. Here a module is captured so at three
lengths; in each capture the iterations are found and compared, one of them becomes the body of a scan (`_matching.py`,
`_rolling.py`), and what is left around the scans is made one graph for any length (`_lengths.py`). A rolled graph is
proven as every other: one that computes something else does not become a file.
"""

from rnnedge_export.capture.loops._loop import NoFrames, NotALoop
from rnnedge_export.capture.loops._roll import roll

__all__ = ["NoFrames", "NotALoop", "roll"]
