"""The source as the oracle: whole sequences through PyTorch or an offline file, in the axis order of a stream.

Which axis of an output is batch and which is time is found by calling the source with other sizes, so that a wrong
idea of the exporter about an axis cannot hide here.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch

from rnnedge_export.capture import Example
from rnnedge_export.capture.example_numbers import Numbers
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.oracle import Oracle, with_context
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused, RnnEdgeError
from rnnedge_runtime.sample import numbers_of_features


class Reference:
    """A network called on (batch, time, ...) arrays; a module is in evaluation mode."""

    def __init__(
        self,
        source: Oracle,
        example: Example,
        lengths: Lengths,
        unit: int = 1,
        recordings: Sequence[Mapping[str, Array]] = (),
    ) -> None:
        """Call the source three times to learn the axes of its outputs.

        `unit`: frames that make a difference. `recordings`: what `frames` are cut from, each (time, ...) by input.
        """
        self._source = source
        self._example = example
        self._recordings = recordings
        self.flags = tuple(source.input_names[i] for i in example.flags)
        self._contexts: Mapping[str, Array] = {}
        self.lengths = lengths
        times = [lengths.at_least(64 * unit * k) for k in (1, 2)]
        times[1] += lengths.grain * (times[0] == times[1])
        small = self._call(example.resized(2, times[0]))
        wider = self._call(example.resized(3, times[0]))
        longer = self._call(example.resized(2, times[1]))
        self._axes = {name: _axes(name, small[name].shape, wider[name].shape, longer[name].shape) for name in small}
        self._shapes = {name: tuple(value.shape) for name, value in small.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The outputs, in the order of the source."""
        return tuple(self._axes)

    @property
    def recorded(self) -> bool:
        """Whether `frames` are cut from recordings."""
        return bool(self._recordings)

    def numbers_of(self, name: str) -> Numbers:
        """Those that random frames of an input are drawn from."""
        return self._example.numbers_of(self.input_names.index(name))

    @property
    def numbers_in_words(self) -> str:
        """Those of all inputs that are random floats."""
        return self._example.numbers_in_words

    @property
    def input_names(self) -> tuple[str, ...]:
        """The inputs, in the order of the source."""
        return self._source.input_names

    def __call__(self, frames: Mapping[str, Array]) -> dict[str, Array]:
        """Inputs (batch, time, ...) by name -> each output as (batch, time, ...); a summary has one frame."""
        results = self.raw(frames)
        for name, array in results.items():
            if not np.isfinite(array).all() and all(np.isfinite(frames[n]).all() for n in frames):
                raise ModelRefused(
                    f"{self._source.name}: its own output {name!r} is not finite for random input of "
                    f"{next(iter(frames.values())).shape[1]} frames, so nothing can be compared; mend it, or give an "
                    "example of numbers that it takes, such as torch.rand(...) for energies"
                )
        return results

    def grows(self, output: str) -> bool:
        """Whether an output has more frames for a longer sequence."""
        return self._axes[output][1] is not None

    def raw(self, frames: Mapping[str, Array]) -> dict[str, Array]:
        """The same, whatever the values are: a logarithm of silence is one."""
        batch, values = _sequences(frames), self._call(self._inputs(frames))
        return {name: self._in_order(name, value.numpy(), batch) for name, value in values.items()}

    def in_float64(self, frames: Mapping[str, Array]) -> dict[str, Array]:
        """What `__call__` gives, computed in float64; without the outputs that this source cannot give so."""
        source = self._in_float64
        if source is None:
            return {}
        inputs = [x.double() if x.is_floating_point() else x for x in self._inputs(frames)]
        usual = torch.get_default_dtype()
        try:
            # Constants that forward makes.
            torch.set_default_dtype(torch.float64)
            with torch.no_grad():
                values = dict(zip(source.output_names, source(*inputs), strict=True))
        # A forward that insists on float32 may raise anything.
        except Exception:
            return {}
        finally:
            torch.set_default_dtype(usual)
        return {
            name: self._in_order(name, value.numpy(), _sequences(frames))
            for name, value in values.items()
            if value.dtype == torch.float64
        }

    def with_context(self, rows: Mapping[str, Array]) -> Reference:
        """The same network with these values per sequence, each with as many sequences as there are, then again."""
        other = copy.copy(self)
        other.__dict__.pop("_in_float64", None)
        other._contexts = {**self._contexts, **rows}
        other._source = with_context(self._source, {n: torch.from_numpy(array.copy()) for n, array in rows.items()})
        return other

    def of_sequence(self, index: int, axes: Mapping[str, int]) -> Reference:
        """The same for this sequence of a batch alone: it has its own values, which have their batch on `axes`."""
        given = {
            name: array.take([index % array.shape[axes[name]]], axes[name]) for name, array in self._contexts.items()
        }
        return self.with_context(given) if given else self

    def with_other_weights(self) -> Reference | None:
        """The same network with other weights, none of them zero; None if this source cannot be had so."""
        make = getattr(self._source, "with_other_weights", None)
        other = copy.copy(self)
        try:
            source = None if make is None else make()
        # A user's module may refuse to be copied, with any error.
        except Exception:
            return None
        if source is None:
            return None
        other._source = source
        return other

    def frames(self, batch: int, time: int, rng: np.random.Generator) -> dict[str, Array]:
        """Inputs (batch, time, ...) by name: of recordings, else random, or tokens and flags of the example."""
        if self._recordings:
            cuts = [self._cut(time, rng) for _ in range(batch)]
            return {name: np.stack([cut[name] for cut in cuts]) for name in self._source.input_names}
        axes = (self._example.batch_axis, self._example.time_axis)
        found = {}
        sizes = zip(self._source.input_names, self._example.tensors, self._example.resized(batch, time), strict=True)
        for index, (name, given, example) in enumerate(sizes):
            shape = np.moveaxis(example.numpy(), axes, (0, 1)).shape
            if example.is_floating_point() and name not in self.flags:
                found[name] = self._example.numbers_of(index).of(rng.standard_normal(shape, np.float32))
            else:
                found[name] = numbers_of_features(np.moveaxis(given.numpy(), axes, (0, 1)), shape, rng, 2)
        return found

    @cached_property
    def _in_float64(self) -> Oracle | None:
        """A copy of the source that computes in float64, if it can be had."""
        make = getattr(self._source, "in_float64", None)
        try:
            return None if make is None else make()
        # A user's module may refuse to be copied, with any error.
        except Exception:
            return None

    def _inputs(self, frames: Mapping[str, Array]) -> list[torch.Tensor]:
        """In the axis order of the source."""
        axes = (self._example.batch_axis, self._example.time_axis)
        inputs = (np.moveaxis(frames[name], (0, 1), axes) for name in self._source.input_names)
        # A copy where it has to be one: of another order, or of a sample that may not be written to.
        return [torch.from_numpy(np.require(x, requirements=["C", "W"])) for x in inputs]

    def _in_order(self, name: str, array: Array, sequences: int) -> Array:
        """An output as (batch, time, ...)."""
        batch, time = self._axes[name]
        if array.ndim < len(self._shapes[name]):
            array = self._unsqueezed(name, array, sequences)
        if time is None:
            return np.moveaxis(array, batch, 0)[:, None]
        return np.moveaxis(array, (batch, time), (0, 1))

    def _unsqueezed(self, name: str, array: Array, sequences: int) -> Array:
        """With the axes that a `squeeze()` has taken away from one sequence, or from one frame."""
        batch, time = self._axes[name]
        shape = list(self._shapes[name])
        shape[batch] = sequences
        if time is not None:
            shape[time] = -1
        return array.reshape(shape)

    def _cut(self, time: int, rng: np.random.Generator) -> dict[str, Array]:
        """`time` frames from a place in a recording on, from its beginning again where it ends."""
        recording = self._recordings[int(rng.integers(len(self._recordings)))]
        length = len(next(iter(recording.values())))
        start = int(rng.integers(length))
        return {name: array[(start + np.arange(time)) % length] for name, array in recording.items()}

    def _call(self, inputs: Sequence[torch.Tensor]) -> Mapping[str, torch.Tensor]:
        try:
            with torch.no_grad():
                values = self._source(*inputs)
        except RnnEdgeError:
            raise
        # A user's forward can raise anything.
        except Exception as error:
            shape, reason = tuple(inputs[0].shape), (str(error) or repr(error)).splitlines()[0]
            raise ModelRefused(
                f"{self._source.name}: its forward fails on an input of shape {shape}: {reason}"
            ) from error
        return dict(zip(self._source.output_names, values, strict=True))


def _sequences(frames: Mapping[str, Array]) -> int:
    return len(next(iter(frames.values())))


def _axes(name: str, small: torch.Size, wider: torch.Size, longer: torch.Size) -> tuple[int, int | None]:
    """The axes that grow with the batch and with the length."""
    batch = [i for i, (a, b) in enumerate(zip(small, wider, strict=True)) if a != b]
    time = [i for i, (a, b) in enumerate(zip(small, longer, strict=True)) if a != b]
    if len(batch) != 1 or len(time) > 1 or small[batch[0]] != 2 or wider[batch[0]] != 3 or batch == time:
        raise ModelRefused(
            f"output {name!r}: expected one batch axis and at most one time axis, found shape {tuple(small)}, "
            f"{tuple(wider)} for one sequence more, and {tuple(longer)} for a longer one"
        )
    return batch[0], time[0] if time else None
