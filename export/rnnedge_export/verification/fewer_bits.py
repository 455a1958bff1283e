"""Fewer bits are what they say: each weight is stored as asked, next to its source, on the grid that fits it.

1. A half is the nearest one, ties to even.
2. A whole number is within half a step of its weight, and the step is that of the grid: the largest weight that shares
   it over the number of levels.
3. Channels have a scale each; the columns of a product one together only where a scale of their own would not halve
   the squared error.
4. No weight that was to be narrow is stored in float32, but one that is too large for float16. A layer that was to be
   of another precision than the rest is. What the file says of a layer is what its weights are stored in.
5. What is no weight, biases among it, has the numbers that it has in float32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import ml_dtypes
import numpy as np

from rnnedge_export.options import PRECISIONS, Precision
from rnnedge_export.verification.report import Check
from rnnedge_export.verification.stored_weights import Stored, plain_numbers, stored_weights
from rnnedge_runtime.contract import Array

_HALVES = {"float16": np.dtype(np.float16), "bf16": np.dtype(ml_dtypes.bfloat16)}
# Fewer numbers are no weights, see `precision.layers`.
_SMALLEST = 32
_ROUNDED = 1e-4
_LARGEST_HALF = 65504.0
_PAYS = 2.0 * (1 + _ROUNDED)
# Enough numbers to tell one weight from another.
_CORNER = 64


def check_fewer_bits(
    float32: bytes,
    narrow: bytes,
    asked: Precision,
    weights: Sequence[tuple[str, Array]] = (),
    said: Mapping[str, str] = MappingProxyType({}),
) -> Check:
    """Of a narrow file and the float32 file that it was made of; `weights` of the latter, each with its layer.

    `said`: the precision of layers, as the file says it.
    """
    before = [one for one in stored_weights(float32) if _is_weight(one)]
    after = stored_weights(narrow)
    wrong = next(_wrong(before, after, _Asked(asked, weights, said)), None) or next(_changed(float32, narrow), None)
    if wrong is None and len(narrow) >= len(float32) + _room(after):
        wrong = f"expected fewer bytes than the {len(float32):,} of float32, found {len(narrow):,}"
    detail = f"{len(before)} weights stored as asked, each within half a step, the step as its grid says"
    return Check("fewer bits", detail, 0.0 if wrong is None else np.inf, 0.0, place=wrong or "")


def _is_weight(one: Stored) -> bool:
    return one.wide.size >= _SMALLEST and bool(np.isfinite(one.wide).all())


def _room(stored: list[Stored]) -> int:
    """Bytes that nodes, names and scales of narrow weights may take more: small files have small weights."""
    return 4096 + sum(512 for one in stored if one.precision != "float32")


class _Asked:
    """What a weight may be stored in, by the layers that have it."""

    def __init__(self, asked: Precision, weights: Sequence[tuple[str, Array]], said: Mapping[str, str]) -> None:
        self.name, self._layers, self._said = asked.name, asked.layers, said
        wider = set() if asked.budget_error is None else set(PRECISIONS[: PRECISIONS.index(asked.name)])
        self._usual = {asked.name, *wider}
        self._of: dict[bytes, set[str]] = {}
        for layer, array in weights:
            self._of.setdefault(_key(array), set()).add(layer)

    def of(self, weight: Array) -> set[str]:
        """Of a weight in float32; of one that is in no layer what is asked of any."""
        layers = self._of.get(_key(weight))
        if layers is None:
            return self._usual | set(self._layers.values())
        return {one for layer in layers for one in ([self._layers[layer]] if layer in self._layers else self._usual)}

    def said(self, weight: Array) -> set[str]:
        """What the file says of the layers that have it."""
        return {self._said[layer] for layer in self._of.get(_key(weight), ()) if layer in self._said}


def _key(array: Array) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(array, np.float32).tobytes()).digest()


def _wrong(before: list[Stored], after: list[Stored], asked: _Asked) -> Iterator[str]:
    matched: list[Stored] = []
    for one in after:
        if one.precision == "float32":
            continue
        source = _source(one, before)
        if source is None:
            yield f"weight {one.name!r}: no weight of the source is like it"
            continue
        matched.append(source[0])
        allowed = asked.of(source[0].wide)
        if one.precision not in allowed:
            yield f"weight {one.name!r}: expected {' or '.join(sorted(allowed))}, found {one.precision}"
        said = asked.said(source[0].wide)
        if said and one.precision not in said:
            yield f"weight {one.name!r}: the file says {' or '.join(sorted(said))}, found {one.precision}"
        reason = _off_grid(one, source[1])
        if reason is not None:
            yield f"weight {one.name!r} ({one.precision}): {reason}"
    yield from _wide(before, matched, asked)


def _wide(before: list[Stored], matched: list[Stored], asked: _Asked) -> Iterator[str]:
    """Case 4."""
    for one in before:
        allowed = asked.of(one.wide)
        large = "float16" in allowed and float(np.abs(one.wide).max(initial=0.0)) > _LARGEST_HALF
        if "float32" in allowed or large:
            continue
        if not any(one is other or np.array_equal(one.wide, other.wide) for other in matched):
            yield f"weight {one.name!r}: expected it in {' or '.join(sorted(allowed))}, found it in float32"


def _changed(float32: bytes, narrow: bytes) -> Iterator[str]:
    """Case 5; they may stand in another shape and order."""
    before = [array for _, array in plain_numbers(float32)]
    keys = {_key(array) for array in before}
    others = [(name, array) for name, array in plain_numbers(narrow) if _key(array) not in keys]
    known = np.concatenate([array.reshape(-1) for array in before]) if others and before else np.zeros(0)
    for name, array in others:
        strange = ~np.isin(array, known) & ~np.isnan(array)
        if strange.any():
            yield f"constant {name!r}: {float(array[strange].flat[0]):.8g} is no number of the float32 file"


def _source(narrow: Stored, before: list[Stored]) -> tuple[Stored, Array] | None:
    """The weight of the float32 file that a narrow one comes from, as it is or transposed, and its numbers so."""
    found: list[tuple[float, Stored, Array]] = []
    for one in before:
        for array in (one.wide, one.wide.T):
            if array.shape == narrow.wide.shape:
                corner = tuple(slice(0, _CORNER) for _ in array.shape)
                found.append((float(np.abs(array[corner] - narrow.wide[corner]).mean()), one, array))
    if not found:
        return None
    _, source, array = min(found, key=lambda each: each[0])
    return source, array


def _off_grid(one: Stored, source: Array) -> str | None:
    if one.precision in _HALVES:
        nearest = source.astype(_HALVES[one.precision]).astype(np.float32)
        if np.array_equal(nearest, one.wide):
            return None
        at = int(np.argmax(np.abs(nearest - one.wide)))
        return f"expected {nearest.flat[at]:.8g} for {source.flat[at]:.8g}, found {one.wide.flat[at]:.8g}"
    assert one.scale is not None
    step = one.steps
    apart = np.abs(source - one.wide) / step
    at = int(np.argmax(apart))
    if apart.flat[at] > 0.5 + _ROUNDED * one.levels:
        return f"{source.flat[at]:.6g} is stored as {one.wide.flat[at]:.6g}, {apart.flat[at]:.2f} steps apart"
    return _shared_scale(one, source) or _wrong_step(one, source)


def _shared_scale(one: Stored, source: Array) -> str | None:
    """Case 3."""
    assert one.scale is not None
    if one.block or source.ndim < 2:
        return None
    if one.outputs is not None:
        channels = source.shape[one.outputs]
        return None if one.scale.size >= channels else f"expected a scale for each of {channels} channels, found one"
    if one.scale.size > 1 or source.ndim > 2:
        return None
    steps = np.abs(source).max(axis=0) / one.levels
    own = np.rint(source / np.where(steps > 0, steps, 1)) * steps
    together, apart = (float(np.square(source - found).mean()) for found in (one.wide, own))
    if together <= _PAYS * apart:
        return None
    return f"expected a scale for each column: a mean squared error of {apart:.3g}, not of {together:.3g}"


def _wrong_step(one: Stored, source: Array) -> str | None:
    """Weights of one step are those that its scale is repeated over; in a block, some of one column."""
    steps, largest = _groups(one, source)
    expected = largest / one.levels
    apart = np.abs(np.divide(steps, expected, out=np.ones_like(expected), where=largest > 0) - 1)
    at = int(np.argmax(apart))
    return None if apart[at] <= _ROUNDED else f"expected a step of {expected[at]:.6g}, found {steps[at]:.6g}"


def _groups(one: Stored, source: Array) -> tuple[Array, Array]:
    """Every step, and the largest weight that has it."""
    assert one.scale is not None
    if one.block:
        columns = np.pad(np.abs(source), [(0, -len(source) % one.block), (0, 0)]).T
        return one.scale.reshape(-1), columns.reshape(-1, one.block).max(axis=1)
    scale = one.scale.reshape((1,) * (source.ndim - one.scale.ndim) + one.scale.shape)
    shared = tuple(axis for axis, size in enumerate(scale.shape) if size == 1)
    return scale.reshape(-1), np.abs(source).max(axis=shared).reshape(-1)
