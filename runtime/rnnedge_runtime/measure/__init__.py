"""What a file costs on this machine: as fast as it goes, at the pace of real input, from a cold start, in numbers.

closed     push after push                          cold       a fresh process until its first frame
paced      frames at their rate, stalls not hidden  capacity   how many paced streams keep their deadline
steady     where the warm-up ends                   usage      processor time and memory meanwhile
"""

from rnnedge_runtime.measure._closed_loop import measure_latency, sample_calls, side_by_side
from rnnedge_runtime.measure._cold_start import ColdStart, cold_start
from rnnedge_runtime.measure.latency import PERCENTILES, Latency, percentile
from rnnedge_runtime.measure.open_loop import Paced, measure_paced, pace

__all__ = [
    "PERCENTILES",
    "ColdStart",
    "Latency",
    "Paced",
    "cold_start",
    "measure_latency",
    "measure_paced",
    "pace",
    "percentile",
    "sample_calls",
    "side_by_side",
]
