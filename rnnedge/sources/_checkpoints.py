"""Where the weights of a network are in a checkpoint: training loops keep them next to other things.

1. The names are the network's: the whole file, or a part of it by a name, `state_dict`, `model`, `generator`.
2. They begin with the name of what held the network, `model.` or `module.`; others may begin otherwise, `criterion.`.
3. `_orig_mod.`, which `torch.compile` puts into them, is left out.

Two parts that would do, such as the weights and their average, are an error that names both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from rnnedge_runtime.errors import ModelRefused

# Where training loops keep them, the first that is there.
_USUAL = ("state_dict", "model_state_dict", "model")
_COMPILED = "_orig_mod."
_SHOWN = 3


def weights_of(found: Mapping[str, Any], own: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The weights of a network that are in a checkpoint, by the names of `own`; what comes nearest where none fit.

    Raises `ModelRefused` naming the file and the parts where several would do.
    """
    parts = {key: _uncompiled(part) for key, part in [("", found), *found.items()] if is_weights(part)}
    usual = [key for key in ("", *_USUAL) if key in parts]
    for several in [*([key] for key in usual), [key for key in parts if key not in usual]]:
        fits = {place: one for key in several for place, one in _fitting(key, parts[key], own)}
        if len(fits) > 1:
            shown = ", ".join(map(repr, list(fits)[:_SHOWN]))
            raise ModelRefused(f"{name}: has the network's weights {len(fits)} times ({shown}); save one of them")
        if fits:
            return next(iter(fits.values()))
    return parts[usual[0] if usual else next(iter(parts))]


def is_weights(part: object) -> bool:
    """Whether it is names and tensors, and nothing else."""
    return isinstance(part, dict) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in part.items())


def _uncompiled(part: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.replace(_COMPILED, ""): tensor for key, tensor in part.items()}


def _fitting(
    place: str, part: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The parts of a part whose names are the network's, after a beginning that they share."""
    if set(part) == set(own):
        yield place, dict(part)
        return
    first = min(own, default="")
    for begin in [key[: -len(first)] for key in part if first and key.endswith(f".{first}")]:
        inner = {key[len(begin) :]: tensor for key, tensor in part.items() if key.startswith(begin)}
        if set(inner) == set(own):
            yield f"{place}: {begin}" if place else begin, inner
