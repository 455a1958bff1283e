"""Two runs of a module on the same input give the same; what is random, or keeps something elsewhere, has no proof."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from rnnedge_export.capture import Example
from rnnedge_export.oracle import Oracle
from rnnedge_export.verification.inner_values import of_modules
from rnnedge_export.verification.tolerance import SHARE, distance
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused, RnnEdgeError

_SEQUENCES = 2
_NOT_IN_NUMPY = (torch.bfloat16, torch.complex32, torch.float8_e4m3fn, torch.float8_e5m2)
_NARROW = (torch.int8, torch.uint8, torch.int16)


def check_repeats(module: nn.Module, oracle: Oracle, example: Example) -> None:
    """Raise `ModelRefused` naming the first module that does not repeat itself, and by how much the outputs differ."""
    rng = torch.Generator().manual_seed(0)
    given = example.resized(min(_SEQUENCES, example.batch), example.length)
    inputs = example.drawn(given, rng)
    first, second = _called(oracle, inputs), _called(oracle, inputs)
    apart = max((_apart(a, b) for a, b in zip(first, second, strict=True)), default=0.0)
    if apart <= SHARE:
        return
    path, kind = _first(module, oracle, inputs)
    place = f"first in {path!r} ({kind})" if path else "in its own forward"
    raise ModelRefused(
        f"{oracle.name}: two runs of it on the same input differ by {apart:.3g} of its largest output, {place}: it "
        "draws random numbers (dropout that is always on, noise), or keeps something outside of the module; switch "
        "that off in evaluation mode, or make the state an argument and a result"
    )


def _called(oracle: Oracle, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    try:
        with torch.no_grad():
            found = tuple(oracle(*inputs))
    except RnnEdgeError:
        raise
    # A user's forward can raise anything: it may be another network than the one that the file was made of.
    except Exception as error:
        shape, reason = tuple(inputs[0].shape), (str(error) or repr(error)).splitlines()[0]
        raise ModelRefused(f"{oracle.name}: its forward fails on an input of shape {shape}: {reason}") from error
    odd = next((y.dtype for y in found if y.dtype in (*_NOT_IN_NUMPY, *_NARROW)), None)
    if odd is not None:
        end = ".int()" if odd in _NARROW else ".float()"
        raise ModelRefused(f"{oracle.name}: an output is {odd}, which no stream can return; let it end with {end}")
    return found


def _first(module: nn.Module, oracle: Oracle, inputs: tuple[torch.Tensor, ...]) -> tuple[str, str]:
    """(path, class) of the module whose own values differ first: the input of one that gives others may differ too."""
    with torch.no_grad(), of_modules(module) as runs:
        oracle(*inputs)
        length = len(runs)
        oracle(*inputs)
    parts = dict(module.named_modules())
    for one, other in zip(runs[:length], runs[length:], strict=False):
        if _differ(one.value, other.value):
            path = one.path.rpartition(".")[0] if _differ(one.given, other.given) else one.path
            return path, type(parts[path]).__name__
    return "", ""


def _differ(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return False
    return one.shape != other.shape or float(distance(one, other).max(initial=0.0)) > 0


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference, in parts of the largest value."""
    if one.shape != other.shape:
        return float("inf")
    a, b = one.detach().numpy(), other.detach().numpy()
    largest = float(np.abs(np.nan_to_num(a)).max(initial=0.0))
    return float(distance(a, b).max(initial=0.0)) / largest if largest else float(distance(a, b).max(initial=0.0))
