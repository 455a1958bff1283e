"""Integrated gradients, by captum.

The gradient summed along the straight way from a baseline to the input, times their difference (Sundararajan, Taly &
Yan, "Axiomatic attribution for deep networks", 2017, eq. 3). The shares of all inputs add up to f(input) - f(baseline);
the steps of the way are doubled until they do within half a percent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from rnnedge.explain._attribution import Attribution, Baseline
from rnnedge.explain._from_module import Watched, evaluation
from rnnedge.explain._gradient_path import way_of
from rnnedge.explain._outputs import Target
from rnnedge_runtime.errors import MissingExtra

TOLERANCE = 0.005
_STEPS, _MOST_STEPS = 64, 2048
# Frames of all inputs that stand in one batch.
FRAMES_AT_ONCE = 32_768


def integrated_gradients(watched: Watched, target: Target, baseline: Baseline) -> Attribution | None:
    """Of tokens along the way between their embeddings, summed over the axes of these.

    None for tokens that no embedding reads. Raises `MissingExtra` without captum.
    """
    steps = _STEPS
    with evaluation(watched.module):
        way = way_of(watched)
        if way is None:
            return None
        score, start = score_of(way.outputs, target), way.begins(baseline.frames)
        method = captum().IntegratedGradients(score)
        at_once = max(1, FRAMES_AT_ONCE // watched.x.shape[1])
        with torch.no_grad():
            ends = [float(score(x)) for x in (way.x, start)]
        while True:
            shares = method.attribute(way.x, start, n_steps=steps, internal_batch_size=at_once)
            if not watched.x.is_floating_point():
                shares = shares.sum(-1)
            found = shared("integrated gradients", target, shares, ends, baseline, f"{steps} steps")
            if found.gap <= TOLERANCE or steps >= _MOST_STEPS:
                return found
            steps *= 2


def shared(
    method: str, target: Target, shares: Tensor, ends: list[float], baseline: Baseline, detail: str
) -> Attribution:
    """What captum gave, for x (1, time, ...), as an `Attribution`; `ends`: f(input) and f(baseline)."""
    array = shares[0].detach().double().reshape(shares.shape[1], -1).numpy()
    return Attribution(method, target, array, ends[0], ends[1], baseline.words, detail)


def score_of(outputs: Callable[[Tensor], Mapping[str, Tensor]], target: Target) -> Callable[[Tensor], Tensor]:
    """The value of the target as a function of x (batch, time, ...) -> (batch,)."""

    def score(x: Tensor) -> Tensor:
        return outputs(x)[target.output][:, target.frame, target.unit]

    return score


def captum() -> Any:
    """The module captum.attr; raises `MissingExtra` without it."""
    try:
        return import_module("captum.attr")
    except ImportError as error:
        raise MissingExtra("attributions need captum; install 'rnnedge[explain]'") from error
