"""Operators of a traced program that consist of others, as those."""

from rnnedge_export.capture.decompositions._decomposed import decomposed, registered_operators
from rnnedge_export.capture.decompositions._operator_parts import Table

__all__ = ["Table", "decomposed", "registered_operators"]
