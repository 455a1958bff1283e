"""What a module is captured with: sequences, and next to them values per sequence and states to start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rnnedge_export.capture.example_numbers import ANY, Numbers
from rnnedge_export.capture.full_lengths import FullLength


@dataclass(frozen=True)
class Extra:
    """An argument of the module, or a tensor in one, that is no sequence of frames.

    `name`: that of forward's argument, "hx.1" for the second tensor of a tuple. `value`: as in the example, some
    sequences on `axis`. What it is, a context or the start of a recurrence, the captured graph shows. `default`: what
    a stream has that is given none, with a batch of 1; None: a stream has to be given one. `state`: it is a start.
    """

    name: str
    value: Tensor
    axis: int
    default: Tensor | None = None
    state: bool = False

    def of_batch(self, batch: int) -> Tensor:
        """The sequences of the example, repeated or cut."""
        return _resized(self.value, self.axis, batch)

    @property
    def first(self) -> Tensor:
        """The default, or else that of the first sequence, with a batch of 1."""
        return self.default if self.default is not None else self.value.narrow(self.axis, 0, 1).contiguous()


@dataclass(frozen=True)
class Layout:
    """How a module is called: `places` has, for each leaf of the arguments, which tensor stands there, None for None.

    Tensors are counted sequences first, then extras; a length is that of all frames.
    """

    spec: pytree.TreeSpec
    places: tuple[int | FullLength | None, ...]

    def call(self, tensors: tuple[Tensor, ...], batch: Any, time: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """(positional, keyword) arguments, for `batch` sequences of `time` frames."""
        leaves = [
            place.of(batch, time) if isinstance(place, FullLength) else None if place is None else tensors[place]
            for place in self.places
        ]
        found: tuple[tuple[Any, ...], dict[str, Any]] = pytree.tree_unflatten(leaves, self.spec)
        return found


@dataclass(frozen=True)
class Example:
    """The sequences a module is captured with: (batch, time, ...) in the module's own axis order.

    `extras`: what the module takes next to them. `names`: of the sequences; None: those of the first parameters of
    `forward`. `layout`: None where the module takes its sequences by place, and nothing else. `returned`: which results
    of the module, by key or number, are states; `lengths`: which are lengths. `flat`: the numbers of outputs that have
    batch and time in their first axis, and whether batch is the outer one. `numbers`: those that each sequence is drawn
    from; none: any.
    """

    tensors: tuple[Tensor, ...]
    batch_axis: int
    time_axis: int
    extras: tuple[Extra, ...] = ()
    names: tuple[str, ...] | None = None
    layout: Layout | None = None
    returned: tuple[Any, ...] = ()
    lengths: tuple[Any, ...] = ()
    flat: tuple[tuple[int, bool], ...] = ()
    numbers: tuple[Numbers, ...] = ()

    @property
    def left_out(self) -> tuple[Any, ...]:
        """The results that are no outputs of a stream."""
        return (*self.returned, *self.lengths)

    @property
    def flags(self) -> tuple[int, ...]:
        """Numbers of those sequences of floats that hold nothing but 0 and 1, both of them, next to other sequences."""
        floats = [i for i, x in enumerate(self.tensors) if x.is_floating_point()]
        found = [i for i in floats if torch.unique(self.tensors[i]).tolist() == [0.0, 1.0]]
        return tuple(found) if len(found) < len(self.tensors) else ()

    @property
    def length(self) -> int:
        """Frames of the example."""
        return self.tensors[0].shape[self.time_axis]

    @property
    def batch(self) -> int:
        """Sequences of the example."""
        return self.tensors[0].shape[self.batch_axis]

    def resized(self, batch: int, time: int) -> tuple[Tensor, ...]:
        """The sequences repeated and cut to other sizes; their values stay valid inputs (token numbers too)."""
        return tuple(
            _resized(_resized(tensor, self.batch_axis, batch), self.time_axis, time) for tensor in self.tensors
        )

    def numbers_of(self, index: int) -> Numbers:
        """Those that a sequence is drawn from."""
        return self.numbers[index] if self.numbers else ANY

    @property
    def numbers_in_words(self) -> str:
        """Those of all sequences of floats."""
        floats = [i for i, x in enumerate(self.tensors) if x.is_floating_point()]
        return ", ".join(dict.fromkeys(str(self.numbers_of(i)) for i in floats)) or str(ANY)

    def drawn(self, given: Sequence[Tensor], generator: torch.Generator) -> tuple[Tensor, ...]:
        """`given`, as this has them, with other numbers in sequences of floats."""
        found = list(given)
        for index, x in enumerate(given[: len(self.tensors)]):
            if x.is_floating_point():
                noise = torch.randn(x.shape, generator=generator).numpy()
                found[index] = torch.from_numpy(self.numbers_of(index).of(noise))
        return tuple(found)

    def random(self, batch: int, time: int, seed: int) -> tuple[Tensor, ...]:
        """As `given`, with other numbers in all that holds floats."""
        generator = torch.Generator().manual_seed(seed)
        frames, extras = self.drawn(self.resized(batch, time), generator), self.given(batch, time)[len(self.tensors) :]
        others = (torch.randn(x.shape, generator=generator) if x.is_floating_point() else x for x in extras)
        return (*frames, *others)

    def given(self, batch: int, time: int) -> tuple[Tensor, ...]:
        """All that the module takes: the sequences, then the extras, as `resized`."""
        return (*self.resized(batch, time), *(extra.of_batch(batch) for extra in self.extras))

    def dims(self, batch: Any, time: Any) -> tuple[dict[int, Any], ...]:
        """For each tensor of `given`, the dims that are open, by axis."""
        frames = {self.batch_axis: batch, self.time_axis: time}
        open_dims = [frames] * len(self.tensors) + [{extra.axis: batch} for extra in self.extras]
        return tuple({axis: dim for axis, dim in dims.items() if dim is not None} for dims in open_dims)

    @property
    def batch_axes(self) -> tuple[int, ...]:
        """For each tensor of `given`, where the batch is."""
        return (*[self.batch_axis] * len(self.tensors), *(extra.axis for extra in self.extras))

    def call(self, tensors: tuple[Tensor, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the module, positional and keyword, out of tensors as `given` has them."""
        if self.layout is None:
            return tensors, {}
        return self.layout.call(tensors, *(tensors[0].shape[axis] for axis in (self.batch_axis, self.time_axis)))


def _resized(tensor: Tensor, axis: int, size: int) -> Tensor:
    """A copy, not a view: torch.export gives the base of a view sizes of its own, and asks for it in its checks."""
    repeats = [1] * tensor.dim()
    repeats[axis] = -(-size // tensor.shape[axis])
    return tensor.repeat(repeats).narrow(axis, 0, size).clone(memory_format=torch.contiguous_format)
