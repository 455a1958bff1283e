"""What each operator of torch does to complex tensors, written for their real and imaginary parts.

1. Operators that treat both parts alike (shapes, sums, moves) run once for each part.
2. Products, quotients, roots and the rest have a formula; the sources are torch's documentation of each operator and
   DLMF, chapter 4.
3. Everything else is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.utils import _pytree as pytree

_aten = torch.ops.aten
Rule = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


class Pair(NamedTuple):
    """A complex tensor, or a complex number, as two real ones of the same shape."""

    real: Any
    imag: Any


def is_complex(value: Any) -> bool:
    """Whether `value` stands for complex numbers."""
    return isinstance(value, (Pair, complex))


def pair(value: Any) -> Pair:
    """`value` as a pair; the imaginary part of a real one is 0."""
    if isinstance(value, Pair):
        return value
    if isinstance(value, complex):
        return Pair(value.real, value.imag)
    return Pair(value, torch.zeros_like(value) if isinstance(value, torch.Tensor) else 0.0)


def parts(value: torch.Tensor) -> Pair:
    """The parts of a complex tensor, as tensors of their own."""
    return Pair(value.real.clone(), value.imag.clone())


def is_leaf(value: Any) -> bool:
    """For torch's pytree: a pair is one value."""
    return isinstance(value, Pair)


def alike(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Case 1: `target` once for each part; real tensors of a list with complex ones get an imaginary part."""
    if args and isinstance(args[0], (list, tuple)) and any(map(is_complex, args[0])) and not is_leaf(args[0]):
        args = ([pair(one) for one in args[0]], *args[1:])
    args, kwargs = pytree.tree_map_only(torch.dtype, _real_dtype, (args, kwargs))
    real, imag = (target(*one, **two) for one, two in (_part((args, kwargs), k) for k in (0, 1)))
    if isinstance(real, (list, tuple)):
        return [Pair(*both) for both in zip(real, imag, strict=True)]
    return Pair(real, imag)


def _part(tree: Any, k: int) -> Any:
    return pytree.tree_map_only(Pair, lambda both: both[k], tree, is_leaf=is_leaf)


def _real_dtype(dtype: torch.dtype) -> torch.dtype:
    return dtype.to_real() if dtype.is_complex else dtype


def multiplied(a: Any, b: Any) -> Pair:
    """The product of two numbers of which any may be complex."""
    if not is_complex(a):
        b = pair(b)
        return Pair(a * b.real, a * b.imag)
    if not is_complex(b):
        a = pair(a)
        return Pair(a.real * b, a.imag * b)
    a, b = pair(a), pair(b)
    return Pair(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real)


def _over(a: Any, b: Any) -> Pair:
    a = pair(a)
    if not is_complex(b):
        return Pair(a.real / b, a.imag / b)
    b = pair(b)
    size = b.real * b.real + b.imag * b.imag
    return Pair((a.real * b.real + a.imag * b.imag) / size, (a.imag * b.real - a.real * b.imag) / size)


def _sum(sign: int) -> Rule:
    def added(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pair:
        a, b, scale = pair(args[0]), args[1], sign * kwargs.get("alpha", 1)
        b = pair(b) if is_complex(b) else Pair(b, None)
        imag = a.imag if b.imag is None else a.imag + scale * b.imag
        # Broadcasting makes both parts as large as the sum.
        real = a.real + scale * b.real
        return Pair(real, imag.expand_as(real) if isinstance(imag, torch.Tensor) else imag)

    return added


def bilinear(f: Callable[[Any, Any], Any], a: Any, b: Any) -> Pair:
    """A product of any kind, `f`, of two operands of which at least one is complex."""
    if not is_complex(a):
        b = pair(b)
        return Pair(f(a, b.real), f(a, b.imag))
    if not is_complex(b):
        a = pair(a)
        return Pair(f(a.real, b), f(a.imag, b))
    a, b = pair(a), pair(b)
    return Pair(f(a.real, b.real) - f(a.imag, b.imag), f(a.real, b.imag) + f(a.imag, b.real))


def _einsum(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A sum of products, of any number of operands."""
    return _of_parts(partial(torch.einsum, args[0]), list(args[1]))


def _of_parts(f: Callable[..., Any], operands: list[Any]) -> Any:
    """`f`, which is linear in each operand, from the parts of those that are complex."""
    place = next((k for k, one in enumerate(operands) if is_complex(one)), None)
    if place is None:
        return f(*operands)
    real, imag = (pair(_of_parts(f, [*operands[:place], part, *operands[place + 1 :]])) for part in operands[place])
    return Pair(real.real - imag.imag, real.imag + imag.real)


def _linear(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pair:
    x, weight, bias = (*args, None)[:3]
    y = bilinear(torch.nn.functional.linear, x, weight)
    return y if bias is None else pair(_sum(1)(None, (y, bias), {}))


def _convolution(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pair:
    x, weight, bias, *options = (*args, None)[: max(3, len(args))]
    y = bilinear(lambda a, b: target(a, b, None, *options, **kwargs), x, weight)
    if bias is None:
        return y
    shape = (-1, *[1] * (y.real.dim() - 2))
    return pair(_sum(1)(None, (y, Pair(*(one.reshape(shape) for one in pair(bias)))), {}))


def absolute(z: Any) -> Any:
    """The size of a complex number."""
    return (z.real.square() + z.imag.square()).sqrt()


def angle(z: Any) -> Any:
    """From the positive real axis, -pi to pi."""
    return torch.atan2(z.imag, z.real)


def _conjugate(z: Pair) -> Pair:
    return Pair(z.real, -z.imag)


def _same(a: Any, b: Any) -> Any:
    a, b = pair(a), pair(b)
    return (a.real == b.real) & (a.imag == b.imag)


def _one(f: Callable[[Pair], Any]) -> Rule:
    return lambda target, args, kwargs: f(pair(args[0]))


def _two(f: Callable[[Any, Any], Any]) -> Rule:
    return lambda target, args, kwargs: f(args[0], args[1])


def _product(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pair:
    return bilinear(target, args[0], args[1])


def _cast(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """To complex numbers, to others (the imaginary part goes, as in torch), or to where they are."""
    dtypes = [one for one in (*args[1:], *kwargs.values()) if isinstance(one, torch.dtype)]
    if not dtypes or dtypes[0].is_complex:
        return pair(args[0])
    return target(args[0].real, *args[1:], **kwargs)


# A small table next to a large one: formulas by overload packet, whatever the overload.
FORMULAS: dict[str, Rule] = {
    "complex": lambda target, args, kwargs: Pair(args[0], args[1]),
    "polar": lambda target, args, kwargs: Pair(args[0] * args[1].cos(), args[0] * args[1].sin()),
    "view_as_complex": lambda target, args, kwargs: Pair(args[0].select(-1, 0), args[0].select(-1, 1)),
    "view_as_real": _one(lambda z: torch.stack([z.real, z.imag], -1)),
    "real": _one(lambda z: z.real),
    "imag": _one(lambda z: z.imag),
    "abs": _one(absolute),
    "angle": _one(angle),
    "square": _one(lambda z: multiplied(z, z)),
    "reciprocal": _one(lambda z: _over(Pair(torch.ones_like(z.real), torch.zeros_like(z.real)), z)),
    "conj": _one(_conjugate),
    "_conj": _one(_conjugate),
    "conj_physical": _one(_conjugate),
    "_conj_physical": _one(_conjugate),
    "adjoint": _one(lambda z: Pair(z.real.mT, -z.imag.mT)),
    "mH": _one(lambda z: Pair(z.real.mT, -z.imag.mT)),
    "resolve_conj": _one(lambda z: z),
    "resolve_neg": _one(lambda z: z),
    "mul": _two(multiplied),
    "div": _two(_over),
    "add": _sum(1),
    "sub": _sum(-1),
    "rsub": lambda target, args, kwargs: _sum(-1)(target, (args[1], args[0]), kwargs),
    "mm": _product,
    "bmm": _product,
    "mv": _product,
    "dot": _product,
    "matmul": _product,
    "linear": _linear,
    "conv1d": _convolution,
    "conv2d": _convolution,
    "conv_transpose1d": _convolution,
    "einsum": _einsum,
    "to": _cast,
    "_to_copy": _cast,
    "type_as": lambda target, args, kwargs: pair(args[0]) if is_complex(args[1]) else args[0].real,
    "where": lambda target, args, kwargs: alike(target, (args[0], pair(args[1]), pair(args[2])), kwargs),
    "masked_fill": lambda target, args, kwargs: alike(target, (pair(args[0]), args[1], pair(args[2])), kwargs),
    "eq": lambda target, args, kwargs: _same(args[0], args[1]),
    "ne": lambda target, args, kwargs: ~_same(args[0], args[1]),
    "linalg_vector_norm": lambda target, args, kwargs: target(absolute(args[0]), *args[1:], **kwargs),
    "linalg_vecdot": lambda target, args, kwargs: alike(
        torch.sum, (multiplied(_conjugate(pair(args[0])), pair(args[1])), kwargs.get("dim", -1)), {}
    ),
    "addcmul": lambda target, args, kwargs: _sum(1)(
        target, (args[0], multiplied(multiplied(args[1], args[2]), kwargs.get("value", 1))), {}
    ),
    "lerp": lambda target, args, kwargs: _sum(1)(
        target, (args[0], multiplied(_sum(-1)(target, (args[1], args[0]), {}), args[2])), {}
    ),
    "outer": lambda target, args, kwargs: bilinear(torch.outer, *args),
}
ALIKE = frozenset(
    """alias as_strided broadcast_to cat chunk clone column_stack concat concatenate constant_pad_nd contiguous cumsum
    detach diag diag_embed diagonal diff dstack expand expand_as flatten flip gather hstack index index_select
    lift_fresh_copy mean movedim narrow neg negative numpy_T pad permute pixel_shuffle positive repeat
    repeat_interleave reshape roll select slice split split_with_sizes squeeze stack sum swapaxes swapdims t
    take_along_dim tile transpose tril triu unbind unflatten unfold unsafe_chunk unsafe_split unsqueeze view vstack
    _unsafe_view _reshape_copy mT reflection_pad1d replication_pad1d""".split()
)
