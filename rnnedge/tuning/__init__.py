"""Which way of exporting is best on this very device: tried, measured, proven, and written down.

candidates (what there is to try) -> trial (quick look, proof, paced rounds) -> choice (front, winner, noise)
"""

from rnnedge.tuning._pareto import Choice, choose, front
from rnnedge.tuning._tune import Tuned, tune

__all__ = ["Choice", "Tuned", "choose", "front", "tune"]
