"""A Python loop over time, captured unrolled and rolled back into a scan.

torch.export unrolls `for t in range(x.shape[1])` at the length of the example. Here a module is captured so at three
lengths (`_lengths.py`, `_unrolled.py`, `_canonical.py`); in each capture the iterations are found and compared
(`_loop.py`, `_matching.py`), one of them becomes the body of a scan (`_body.py`, `_rolling.py`), and what is left
around the scans is made one graph for any length (`_roll.py`). A rolled graph is
proven as every other: one that computes something else does not become a file.
"""

from rnnedge_export.capture.loops._lengths import captured_at
from rnnedge_export.capture.loops._loop import NoFrames, NotALoop
from rnnedge_export.capture.loops._module_paths import WithPlaces
from rnnedge_export.capture.loops._place import place
from rnnedge_export.capture.loops._roll import GRAIN, roll
from rnnedge_export.capture.loops._unrolled import Unrolled, aten, new_node, shape_of, unrolled

__all__ = [
    "GRAIN",
    "NoFrames",
    "NotALoop",
    "Unrolled",
    "WithPlaces",
    "aten",
    "captured_at",
    "new_node",
    "place",
    "roll",
    "shape_of",
    "unrolled",
]
