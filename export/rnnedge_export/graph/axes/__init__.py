"""Axis moves, transposes and unit axes, pushed through the operators of a graph and removed.

`remove_unit_axes` takes axes of size 1 out of a graph's signature; `move_time_axis` makes its ports time-major. Both
follow the same facts (`_fact.py`) through the same rules (`_compute.py`, `_layout.py`).
"""

from rnnedge_export.graph.axes._fact import AxisFact
from rnnedge_export.graph.axes._ports import move_time_axis, remove_unit_axes

__all__ = ["AxisFact", "move_time_axis", "remove_unit_axes"]
