"""Where a run is warm: found in its times, not assumed."""

from __future__ import annotations

import numpy as np

from rnnedge_runtime.contract import Array

_WINDOWS = 40
_FEWEST = 5 * _WINDOWS
_APART = 0.1


def steady_from(times: Array) -> int | None:
    """The index from which on the times belong together, 0 where they do from the beginning; None where they never do.

    The run is cut into 40 windows. Those of the second half say what is usual: the median of their medians, and how far
    these are apart. The warm-up ends before the first window from which on three in four medians are within that, or
    within a tenth; before the second half at the latest. Where the two quarters of the second half differ by more than
    a tenth themselves, it never ends. Fewer than 200 times say nothing about it: 0.
    """
    if len(times) < _FEWEST:
        return 0
    edges = np.linspace(0, len(times), _WINDOWS + 1).astype(int)
    medians = np.array([np.median(part) for part in np.split(times, edges[1:-1])])
    half, quarter = medians[_WINDOWS // 2 :], _WINDOWS // 4
    usual = float(np.median(half))
    third, fourth = float(np.median(half[:quarter])), float(np.median(half[quarter:]))
    if abs(third - fourth) > _APART * usual:
        return None
    allowed = max(3 * float(np.median(np.abs(half - usual))), _APART * usual)
    near = np.abs(medians - usual) <= allowed
    for start in range(_WINDOWS // 2):
        if near[start] and near[start:].mean() >= 0.75:
            return int(edges[start])
    return int(edges[_WINDOWS // 2])
