"""A causal convolution by Fourier transform as what it is: a convolution, or the recurrence of its kernel's poles.

    y_t = sum over s of k_(t-s) u_s

1. A kernel of weights has as many taps at every length: shifts of u, weighted and added.
2. The kernel of a state-space layer is k_t = sum over n of c_n e_n lambda_n^t: a value whose frames are powers of
   lambda, of which the kernel is a linear function, is found among the values that it is made of, and c by what the
   function makes of one pole at a time. Then x_t = lambda x_(t-1) + u_t, and y_t = sum over n of c_n e_n x_t.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Interpreter, Node

from rnnedge_export.capture.loops import aten, shape_of
from rnnedge_export.capture.scans._samples import Samples, close
from rnnedge_export.capture.scans._writing import apply, constant, turning_loop

_FORWARD = {aten.fft_rfft.default, aten.fft_fft.default}
_BACK = {aten.fft_irfft.default, aten.fft_ifft.default}
_MOST_TAPS = 64


@dataclass(frozen=True)
class _Convolution:
    """`y`: the transform back; `axis`: of time, from the end, in y and u; `added`: one that only y has, or 0."""

    y: Node
    u: Node
    kernel: Node
    axis: int
    added: int = 0

    @property
    def frames(self) -> Node:
        """Of u, with the axes of y; written in front of y."""
        return apply(self.y, aten.unsqueeze.default, self.u, self.added) if self.added else self.u


def rewrite_kernels(samples: Samples) -> bool:
    """Replace every such convolution; whether there was any."""
    found = False
    for node in list(samples.unrolled.module.graph.nodes):
        if node.target in _BACK and samples.depends(node):
            for each in _candidates(samples, node):
                made = _shifted(samples, each) if _is_short(samples, each) else _recurrent(samples, each)
                if made is not None and _replace(samples, each, made):
                    found = True
                    break
    return found


def _replace(samples: Samples, each: _Convolution, made: Node) -> bool:
    """The frames of the sequence are `made`, wherever they are cut out of y; whether they are."""
    found = list(_cuts(each.y, each.axis, samples.length))
    cuts = [cut for cut in found if cut is not None]
    if len(cuts) < len(found):
        return False
    if each.y.meta["val"].is_complex():
        views = [user for cut in cuts for user in cut.users]
        cuts = [user for view in views for user in view.users]
        # torch's `y.real`.
        if any(view.target is not aten.view_as_real.default for view in views) or any(
            cut.target is not aten.select.int or cut.args[2] != 0 for cut in cuts
        ):
            return False
    for cut in cuts:
        cut.replace_all_uses_with(made)
    return True


def _cuts(node: Node, axis: int, length: int) -> Iterator[Node | None]:
    """What cuts the frames out of it; None for another use."""
    for user in node.users:
        if user.target is not aten.slice.Tensor:
            yield None
        elif shape_of(user) == shape_of(node):
            yield from _cuts(user, axis, length)
        else:
            yield user if shape_of(user)[axis] == length else None


def _candidates(samples: Samples, y: Node) -> Iterator[_Convolution]:
    """What is transformed, of what y is made: values of the input, and of weights alone."""
    forward = [node for node in _behind(y) if node.target in _FORWARD]
    axis = _axis(y)
    for u in (node.args[0] for node in forward if samples.depends(node)):
        for kernel in (node for node in forward if not samples.depends(node)):
            if isinstance(u, Node) and isinstance(kernel.args[0], Node):
                more = range(-2, -len(shape_of(y)), -1) if len(shape_of(u)) == len(shape_of(y)) - 1 else (0,)
                tried = (_Convolution(y, u, kernel.args[0], axis, added) for added in more)
                yield from (each for each in tried if _holds(samples, each))


def _axis(node: Node) -> int:
    args: tuple[Any, ...] = node.args
    axis: Any = node.kwargs.get("dim", args[2] if len(args) > 2 else -1)
    return axis - len(shape_of(node)) if axis >= 0 else axis  # type: ignore[no-any-return]


def _behind(node: Node) -> list[Node]:
    found, waiting = dict[Node, None](), [node]
    while waiting:
        for each in waiting.pop().all_input_nodes:
            if each not in found:
                found[each] = None
                waiting.append(each)
    return list(found)


def _holds(samples: Samples, each: _Convolution) -> bool:
    """Whether y is the convolution of both."""
    y, u, k = (samples.of(node) for node in (each.y, each.u, each.kernel))
    u = u.unsqueeze(each.added) if u is not None and each.added else u
    if y is None or u is None or k is None or u.shape[each.axis] != samples.length or y.dim() != u.dim():
        return False
    y, u = y.movedim(each.axis, -1), u.movedim(each.axis, -1)
    k = k.movedim(each.axis, -1) if k.dim() >= -each.axis else k
    if k.dim() > u.dim() or y.shape[-1] < samples.length:
        return False
    try:
        found = sum(k[..., s, None] * torch.nn.functional.pad(u, (s, 0))[..., : samples.length]
                    for s in range(min(samples.length, k.shape[-1])))  # fmt: skip
    except RuntimeError:
        return False
    return isinstance(found, Tensor) and close(found, (y.real if y.is_complex() else y)[..., : samples.length])


def _is_short(samples: Samples, each: _Convolution) -> bool:
    """Case 1."""
    return shape_of(each.kernel)[each.axis] != samples.length and shape_of(each.kernel)[each.axis] <= _MOST_TAPS


def _shifted(samples: Samples, each: _Convolution) -> Node:
    frames = each.frames
    rank = len(shape_of(frames))
    axis = each.axis + rank
    padding = [0, 0] * (-each.axis - 1)
    total: Node | None = None
    for s in range(shape_of(each.kernel)[each.axis]):
        tap = apply(each.y, aten.slice.Tensor, each.kernel, each.axis, s, s + 1)
        late = apply(each.y, aten.pad.default, frames, [*padding, s, 0]) if s else frames
        late = apply(each.y, aten.slice.Tensor, late, axis, 0, samples.length) if s else late
        term = apply(each.y, aten.mul.Tensor, late, tap)
        total = term if total is None else apply(each.y, aten.add.Tensor, total, term)
    assert total is not None
    return total


def _recurrent(samples: Samples, each: _Convolution) -> Node | None:
    """Case 2."""
    for poles in _powers(samples, each.kernel):
        weights = _weights(samples, each.kernel, poles)
        if weights is not None:
            return _written(samples, each, poles, weights)
    return None


def _powers(samples: Samples, kernel: Node) -> Iterator[Node]:
    """Values (..., poles, time) whose frames are powers."""
    for node in _behind(kernel):
        value = samples.of(node)
        if value is None or not (value.is_floating_point() or value.is_complex()) or value.dim() < 2:
            continue
        if value.shape[-1] == samples.length and not bool((value == 0).any()):
            ratio = value[..., 1:] / value[..., :-1]
            if close(ratio, ratio[..., :1].expand(ratio.shape)) and not close(
                ratio[..., :1], torch.ones_like(ratio[..., :1])
            ):
                yield node


def _weights(samples: Samples, kernel: Node, poles: Node) -> tuple[Tensor, Tensor] | None:
    """What the kernel makes of one pole at a time, (..., poles): of its real part, and of its imaginary part."""
    powers = samples.of(poles)
    found = samples.of(kernel)
    assert powers is not None and found is not None
    real, imag = list[Tensor](), list[Tensor]()
    unit: Sequence[Any] = (1, 1j) if powers.is_complex() else (1,)
    for n in range(powers.shape[-2]):
        for factor, kept in zip(unit, (real, imag), strict=False):
            one = torch.zeros_like(powers)
            one[..., n, :] = factor
            kept.append(_again(samples, kernel, poles, one))
    re = torch.stack(real, -2)
    im = torch.stack(imag, -2) if imag else torch.zeros_like(re)
    try:
        made = (re * powers.real + im * powers.imag).sum(-2) if powers.is_complex() else (re * powers).sum(-2)
    except RuntimeError:
        return None
    if not close(re, re[..., :1].expand(re.shape)) and float(re.abs().max()) > 0:
        return None
    return (re[..., 0], im[..., 0]) if close(made, found) else None


def _again(samples: Samples, kernel: Node, poles: Node, value: Tensor) -> Tensor:
    """The kernel if `poles` were `value`."""
    graph, root = samples.unrolled.module.graph, samples.unrolled.module
    after = {poles}
    for node in graph.nodes:
        if any(given in after for given in node.all_input_nodes):
            after.add(node)
    runner = Interpreter(root)
    known: dict[Node, Any] = {poles: value}

    def result(node: Node) -> Any:
        if node not in known:
            if node not in after:
                known[node] = samples.of(node)
            else:
                for given in node.all_input_nodes:
                    result(given)
                runner.env = known
                args, kwargs = runner.fetch_args_kwargs_from_env(node)
                known[node] = runner.call_function(node.target, args, kwargs)
        return known[node]

    with torch.no_grad():
        answer: Tensor = result(kernel)
    return answer


def _written(samples: Samples, each: _Convolution, poles: Node, weights: tuple[Tensor, Tensor]) -> Node:
    powers = samples.of(poles)
    assert powers is not None
    first = powers[..., 0]
    ratio = (powers[..., 1] / first).to(torch.complex64)
    c = (weights[0] - 1j * weights[1]) * first
    u = each.frames
    rank = len(shape_of(u))
    axis = each.axis + rank
    u = u if each.axis == -1 else apply(each.y, aten.movedim.int, u, axis, -1)
    # (..., time, 1) against (..., 1 or as many as u, poles).
    frames = apply(each.y, aten.unsqueeze.default, u, -1)

    def kept(value: Tensor) -> Node:
        return constant(samples, each.y, value.contiguous())

    x, y = turning_loop(each.y, kept(ratio.real), kept(ratio.imag), frames, rank - 1, samples.length)
    weighted = [
        apply(each.y, aten.mul.Tensor, value, kept(part.unsqueeze(-2))) for value, part in ((x, c.real), (y, c.imag))
    ]
    total = apply(each.y, aten.sum.dim_IntList, apply(each.y, aten.sub.Tensor, *weighted), [-1])
    return total if each.axis == -1 else apply(each.y, aten.movedim.int, total, -1, axis)
