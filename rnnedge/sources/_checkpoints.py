"""Where the weights of a network are in a checkpoint: training loops keep them next to other things.

1. The names are the network's: the whole file, or a part of it by a name, `state_dict`, `model`, `generator`.
2. They begin with the name of what held the network, `model.` or `module.`; others may begin otherwise, `criterion.`.
3. `_orig_mod.`, which `torch.compile` puts into them, is left out.

Two parts that would do, such as the weights and their average, are an error that names both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from rnnedge_runtime.errors import ModelRefused

# Where training loops keep them, the first that is there.
_USUAL = ("state_dict", "model_state_dict", "model")
_COMPILED = "_orig_mod."
_SHOWN = 3
# Of dicts in dicts: {"model": {"net": {"state_dict": ...}}}.
_DEPTH = 5


def parts_of(found: object) -> dict[str, dict[str, Tensor]]:
    """The tensors of each dict of a checkpoint by its place, "" for the whole; nothing for anything else."""
    return dict(_parts(found, "", _DEPTH)) if found != {} else {"": {}}


def _parts(found: object, place: str, depth: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if not isinstance(found, dict) or not depth:
        return
    own = {k.replace(_COMPILED, ""): v for k, v in found.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if own:
        yield place, own
    for key, part in found.items():
        yield from _parts(part, f"{place}/{key}" if place else str(key), depth - 1)


def weights_of(parts: Mapping[str, dict[str, Tensor]], own: Mapping[str, Tensor], name: str) -> Mapping[str, Tensor]:
    """Those of `parts_of` a checkpoint that are a network's, by the names of `own`; what comes nearest where none are.

    Raises `ModelRefused` naming the file and the parts where several would do.
    """
    usual = [place for place in ("", *_USUAL) if place in parts]
    for several in [*([place] for place in usual), [place for place in parts if place not in usual]]:
        fits = {place: one for part in several for place, one in _fitting(part, parts[part], own)}
        if len(fits) > 1:
            shown = ", ".join(map(repr, list(fits)[:_SHOWN]))
            raise ModelRefused(f"{name}: has the network's weights {len(fits)} times ({shown}); save one of them")
        if fits:
            return next(iter(fits.values()))
    return max(parts.values(), key=lambda part: len(part.keys() & own.keys()))


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
