"""Occlusion, by captum: how much the output falls when a stretch of the input is replaced by the baseline.

Source: Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014, section 4.2.
"""

from __future__ import annotations

import numpy as np
import torch

from rnnedge.explain._attribution import Attribution, Baseline
from rnnedge.explain._from_module import Watched, evaluation
from rnnedge.explain._integrated import FRAMES_AT_ONCE, captum, score_of, shared
from rnnedge.explain._outputs import Target

# Runs of the network, and frames of all of them together: about a minute for a layer of a hundred units.
_MOST_WINDOWS, _FEWEST_WINDOWS, _MOST_FRAMES = 4096, 64, 4_000_000


def occlusion(watched: Watched, target: Target, baseline: Baseline) -> Attribution:
    """One frame of one feature at a time, or longer windows of every feature where that would take too many runs."""
    method = captum().Occlusion
    score = score_of(watched.outputs, target)
    start = torch.from_numpy(baseline.frames.copy())[None]
    time, shape = watched.x.shape[1], tuple(watched.x.shape[2:])
    features = int(np.prod(shape, dtype=int))
    windows = min(_MOST_WINDOWS, max(_FEWEST_WINDOWS, _MOST_FRAMES // time))
    single = time * features <= windows
    width = 1 if single else -(-time // windows)
    window = (width, *(1 if single else size for size in shape))
    with evaluation(watched.module), torch.no_grad():
        shares = method(score).attribute(
            watched.x, sliding_window_shapes=window, strides=window, baselines=start,
            perturbations_per_eval=max(1, min(256, FRAMES_AT_ONCE // time)),
        )  # fmt: skip
        ends = [float(score(x)) for x in (watched.x, start)]
    words = (
        f"{width} frame{'s' * (width > 1)} of {'one feature' if single and features > 1 else 'every feature'} at a time"
    )
    return shared("occlusion", target, shares, ends, baseline, words)
