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
    return dict(_parts(found)) if found != {} else {"": {}}


def _parts(found: object) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Each dict once, by its shortest place: a pickle may hold one in thousands of places, or in itself."""
    level, seen = [("", found)], set[int]()
    for _ in range(_DEPTH):
        inner: list[tuple[str, object]] = []
        for place, part in level:
            if not isinstance(part, dict) or id(part) in seen:
                continue
            seen.add(id(part))
            if own := _named(part):
                yield place, own
            inner += [(f"{place}/{key}" if place else str(key), value) for key, value in part.items()]
        level = inner


def _named(part: dict[object, object]) -> dict[str, Tensor]:
    """Its tensors; with `_orig_mod.` in their names if those would be the same without it."""
    own = {key: value for key, value in part.items() if isinstance(key, str) and isinstance(value, Tensor)}
    plain = {key.replace(_COMPILED, ""): value for key, value in own.items()}
    return plain if len(plain) == len(own) else own


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
            # Next to those that begin with nothing, it is one of two.
            if own.keys() <= part.keys():
                yield place, {key: part[key] for key in own}
