"""How time flows through a streaming file: blocks of nodes, what each keeps, and how often its frames come."""

from rnnedge_export.time_flow._flow import Block, Edge, Kept, TimeFlow
from rnnedge_export.time_flow._read import read_time_flow

__all__ = ["Block", "Edge", "Kept", "TimeFlow", "read_time_flow"]
