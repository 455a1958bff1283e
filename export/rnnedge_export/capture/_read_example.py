"""Which arguments of an example are sequences and which are not, and where the batch of the others is.

1. Sequences have batch and time on the axes that the caller says, and equally many of both.
2. A tensor of the same two sizes may be a vector per sequence that is as wide as the example is long: the module is
   called with longer sequences. Where it takes them only without the tensor longer, that is no sequence.
3. Anything else is an extra. Its batch is on the axis along which the module takes another number of sequences.
4. None stays None, and lengths are those of all frames (`full_lengths.py`). A number, a flag or text is refused: it is
   a setting of the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge_export.capture._arguments import arguments_of, parameters_of
from rnnedge_export.capture._example_checks import check_extra, check_sequence, no_batch
from rnnedge_export.capture._flat_results import with_flat_results
from rnnedge_export.capture._numbers_taken import with_numbers
from rnnedge_export.capture._one_step import Stepped
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._returned_lengths import with_returned_lengths
from rnnedge_export.capture._returned_states import with_returned_states
from rnnedge_export.capture.example import Example, Extra, Layout, _resized
from rnnedge_export.capture.full_lengths import FullLength, full_length
from rnnedge_export.capture.kept_values import left_as_it_was
from rnnedge_runtime.arguments import mapping, texts
from rnnedge_runtime.arrays import array_of, cast
from rnnedge_runtime.errors import InputError, ModelRefused

_MOST_TRIALS = 16
_OTHER_BATCH = 3


def read_example(
    example: object,
    batch_axis: int,
    time_axis: int,
    module: nn.Module | None = None,
    context: Mapping[str, object] | Iterable[str] = (),
) -> Example:
    """Read a tensor, a tuple of arguments, or a dict of arguments by name; a dict at the end of a tuple is by name.

    `module`: what is called with them, to try what shapes alone do not tell. `context`: arguments that are values per
    sequence, also if their shapes are those of a sequence; a dict gives what a stream has that is given none, or None.
    Raises `ModelRefused` for anything a stream cannot be made of.
    """
    defaults = checked_defaults(context)
    args, kwargs = arguments_of(example, module)
    leaves = _named_leaves(args, kwargs, module)
    unknown = sorted(set(defaults) - {leaf.name for leaf in leaves})
    if unknown:
        raise ModelRefused(f"context: {unknown[0]!r} is no argument of the example, {[leaf.name for leaf in leaves]}")
    plain = not kwargs and all(leaf.whole for leaf in leaves)
    spec = pytree.tree_structure((args, kwargs))
    reading = _Reading(leaves, spec, batch_axis, time_axis, module, plain=plain)
    read = reading.example(reading.sequences(set(defaults)))
    read = replace(read, extras=tuple(with_default(extra, defaults.get(extra.name)) for extra in read.extras))
    if isinstance(module, Stepped):
        return replace(read, extras=tuple(replace(extra, state=True) for extra in read.extras))
    if module is None:
        return read
    with left_as_it_was(module):
        read = with_numbers(read, module)
    return with_flat_results(with_returned_lengths(with_returned_states(read, module), module), module)


def checked_defaults(context: object) -> dict[str, object]:
    """Defaults by the name of the argument, None for those that have none."""
    if isinstance(context, Mapping):
        return mapping(context, "context", ModelRefused)
    return dict.fromkeys(texts(context, "context"))


def with_default(extra: Extra, default: object) -> Extra:
    """The same with a default; raises `ModelRefused` for one that has not the shape of one sequence."""
    if default is None:
        return extra
    one, place = extra.first, f"context: {extra.name!r}"
    try:
        array = torch.from_numpy(cast(array_of(default, place), np.dtype(one.numpy().dtype), place))
    except InputError as error:
        raise ModelRefused(str(error)) from None
    if not array.isfinite().all():
        raise ModelRefused(f"{place}: expected finite numbers, found a NaN or an infinity")
    row = one.squeeze(extra.axis)
    if array.shape not in (row.shape, one.shape):
        raise ModelRefused(f"{place}: expected a default of shape {tuple(row.shape)}, found {tuple(array.shape)}")
    return replace(extra, default=array.reshape(one.shape).contiguous())


@dataclass(frozen=True, eq=False)
class _Leaf:
    """`whole`: it is an argument by itself, no part of a tuple."""

    name: str
    value: Any
    whole: bool


def _named_leaves(args: Sequence[Any], kwargs: Mapping[str, Any], module: nn.Module | None) -> list[_Leaf]:
    places = [p.name for p in parameters_of(module) if p.kind is not p.KEYWORD_ONLY]
    names = [places[k] if k < len(places) else f"x{k or ''}" for k in range(len(args))]
    found = []
    for name, value in (*zip(names, args, strict=True), *kwargs.items()):
        if isinstance(value, (tuple, list, dict)):
            parts = pytree.tree_leaves(value)
            found += [_Leaf(f"{name}.{k}", part, False) for k, part in enumerate(parts)]
        else:
            found.append(_Leaf(name, value, True))
    return found


class _Reading:
    def __init__(
        self,
        leaves: list[_Leaf],
        spec: pytree.TreeSpec,
        batch_axis: int,
        time_axis: int,
        module: nn.Module | None,
        *,
        plain: bool,
    ) -> None:
        self._leaves, self._spec, self._module, self._plain = leaves, spec, module, plain
        self._batch_axis, self._time_axis = batch_axis, time_axis
        self._full: dict[_Leaf, FullLength] = {}

    def sequences(self, context: set[str]) -> list[_Leaf]:
        """Cases 1 and 2."""
        high = max(self._batch_axis, self._time_axis)
        whole = [leaf for leaf in self._leaves if leaf.whole and leaf.name not in context]
        possible = [leaf for leaf in whole if isinstance(leaf.value, Tensor) and leaf.value.dim() > high]
        first = self._leaves[0] if not self._leaves or self._leaves[0] in whole else None
        if not possible:
            check_sequence(first.value if first is not None else None, self._batch_axis, self._time_axis)
        groups: dict[tuple[int, int], list[_Leaf]] = {}
        for leaf in possible:
            groups.setdefault(self._sizes(leaf), []).append(leaf)
        found = next(iter(groups.values()))
        if len(groups) > 1:
            found = next((group for group in groups.values() if self._takes_longer(group)), found)
        for leaf in found:
            check_sequence(leaf.value, self._batch_axis, self._time_axis)
        self._full = self._lengths(found[0], context)
        return [leaf for leaf in found if leaf is found[0] or not self._is_fixed(leaf, found)]

    def example(self, frames: list[_Leaf]) -> Example:
        """Cases 3 and 4."""
        others = [leaf for leaf in self._leaves if leaf not in (*frames, *self._full) and leaf.value is not None]
        for leaf in others:
            check_extra(leaf.name, leaf.value)
        tensors = [leaf.value.detach().cpu() for leaf in frames]
        axes = self._batch_axes(frames, others)
        extras = [Extra(leaf.name, leaf.value.detach().cpu(), axis) for leaf, axis in zip(others, axes, strict=True)]
        order = [*frames, *others]
        places = tuple(
            None if leaf.value is None else self._full[leaf] if leaf in self._full else order.index(leaf)
            for leaf in self._leaves
        )
        plain = self._plain and len(frames) == len(self._leaves)
        return Example(
            tuple(tensors),
            self._batch_axis,
            self._time_axis,
            tuple(extras),
            None if plain else tuple(leaf.name for leaf in frames),
            None if plain else Layout(self._spec, places),
        )

    def _batch_axes(self, frames: list[_Leaf], others: list[_Leaf]) -> list[int]:
        sizes = self._sizes(frames[0])
        choices = [_candidates(leaf, sizes[0]) for leaf in others]
        if not others or self._module is None:
            return [axes[0] for axes in choices]
        longer = [_resized(leaf.value, self._batch_axis, _OTHER_BATCH) for leaf in frames]
        for axes in islice(product(*choices), _MOST_TRIALS):
            values = [_resized(leaf.value, axis, _OTHER_BATCH) for leaf, axis in zip(others, axes, strict=True)]
            if self._runs(dict(zip(map(id, [*frames, *others]), [*longer, *values], strict=True))):
                return list(axes)
        for leaf in others:
            if self._runs(dict(zip(map(id, frames), longer, strict=True))):
                raise ModelRefused(no_batch(leaf.name, leaf.value))
        return [axes[0] for axes in choices]

    def _takes_longer(self, group: list[_Leaf]) -> bool:
        return self._runs({id(leaf): self._longer(leaf) for leaf in group})

    def _is_fixed(self, leaf: _Leaf, group: list[_Leaf]) -> bool:
        """Case 2."""
        if self._module is None or self._sizes(leaf)[1] == 1:
            return False
        others = {id(one): self._longer(one) for one in group if one is not leaf}
        return self._runs(others) and not self._runs({**others, id(leaf): self._longer(leaf)})

    def _longer(self, leaf: _Leaf) -> Tensor:
        return _resized(leaf.value, self._time_axis, 2 * leaf.value.shape[self._time_axis])

    def _runs(self, changed: Mapping[int, Tensor]) -> bool:
        """Whether the module takes the example with some tensors changed."""
        if self._module is None:
            return False
        leaves = [changed.get(id(leaf), leaf.value) for leaf in self._leaves]
        first = next((leaf for leaf in self._leaves if id(leaf) in changed), None)
        if first is not None:
            sizes = [changed[id(first)].shape[axis] for axis in (self._batch_axis, self._time_axis)]
            leaves = [
                self._full[leaf].of(*sizes) if leaf in self._full else value
                for leaf, value in zip(self._leaves, leaves, strict=True)
            ]
        args, kwargs = pytree.tree_unflatten(leaves, self._spec)
        try:
            with quiet(), torch.no_grad():
                self._module(*args, **kwargs)
        # A user's forward can raise anything.
        except Exception:
            return False
        return True

    def _lengths(self, frames: _Leaf, context: set[str]) -> dict[_Leaf, FullLength]:
        found = {
            leaf: full_length(leaf.name, leaf.value, *self._sizes(frames))
            for leaf in self._leaves
            if leaf.whole and leaf.name not in context
        }
        return {leaf: length for leaf, length in found.items() if length is not None}

    def _sizes(self, leaf: _Leaf) -> tuple[int, int]:
        return leaf.value.shape[self._batch_axis], leaf.value.shape[self._time_axis]


def _candidates(leaf: _Leaf, batch: int) -> list[int]:
    """Axes that may be the batch, the likelier one first: torch's recurrences have (layers, batch, features)."""
    shape = leaf.value.shape
    found = [axis for axis, size in enumerate(shape) if size == batch]
    found += [axis for axis, size in enumerate(shape) if size == 1 and axis not in found]
    if not found:
        raise ModelRefused(no_batch(leaf.name, leaf.value))
    return sorted(found, key=lambda axis: axis != 1) if not leaf.whole and len(shape) > 2 else found
