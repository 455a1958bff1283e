"""Operators of TorchScript's graphs as functions of Python: of lists and numbers, recurrent layers, those of torch."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverloadPacket

Function = Callable[..., Any]
# Looked up when they are called: while a network is captured, others stand there.
_LAYERS = {"aten::lstm": "lstm", "aten::gru": "gru", "aten::rnn_tanh": "rnn_tanh", "aten::rnn_relu": "rnn_relu"}


def _same(value: Any) -> Any:
    return value


def _nothing(*_: Any) -> None:
    return None


def _convolution(*given: Any) -> Any:
    """A traced convolution has the settings of cuDNN after those of `torch.ops.aten.convolution`."""
    return torch.ops.aten.convolution(*given[:9])


def _size(x: Tensor, axis: int | None = None) -> Any:
    """With symbols in it, which the operator of torch makes numbers of."""
    return list(x.shape) if axis is None else x.shape[axis]


def _append(items: list[Any], item: Any) -> list[Any]:
    items.append(item)
    return items


def _set(items: list[Any], place: int, item: Any) -> list[Any]:
    items[place] = item
    return items


def _range(last: int, first: int = 0, step: int = 1) -> list[int]:
    return list(range(first, last, step))


def _int(value: Any) -> Any:
    """A symbol stays one."""
    return torch.sym_int(value) if isinstance(value, (torch.SymInt, torch.SymFloat)) else int(value)  # type: ignore[no-untyped-call]


def _add(a: Any, b: Any, alpha: Any = 1) -> Any:
    """A trace has a factor for the sizes that it adds, as for tensors."""
    return a + b if alpha == 1 else a + alpha * b


def _sub(a: Any, b: Any, alpha: Any = 1) -> Any:
    return a - b if alpha == 1 else a - alpha * b


def _rsub(a: Any, b: Any, alpha: Any = 1) -> Any:
    return _sub(b, a, alpha)


def _div(a: Any, b: Any, rounding: str | None = None) -> Any:
    if rounding is None:
        return a / b
    return a // b if rounding == "floor" else math.trunc(a / b)


_PLAIN: dict[str, Function] = {
    "prim::ListConstruct": lambda *each: list(each),
    "prim::TupleConstruct": lambda *each: each,
    "prim::DictConstruct": lambda *each: dict(zip(each[::2], each[1::2], strict=True)),
    "prim::ListUnpack": tuple,
    "prim::TupleUnpack": tuple,
    "prim::TupleIndex": operator.getitem,
    "prim::NumToTensor": _same,
    "prim::unchecked_cast": _same,
    "prim::unchecked_unwrap_optional": _same,
    "prim::Uninitialized": _nothing,
    "prim::dtype": lambda x: x.dtype,
    "prim::device": lambda x: x.device,
    "prim::min": min,
    "prim::max": max,
    "aten::Int": _int,
    "aten::Float": torch.sym_float,
    "aten::Bool": bool,
    "aten::ScalarImplicit": _same,
    "aten::IntImplicit": _same,
    "aten::FloatImplicit": _same,
    "aten::append": _append,
    "aten::_set_item": _set,
    "aten::__getitem__": operator.getitem,
    "aten::len": len,
    "aten::list": list,
    "aten::__isnot__": operator.is_not,
    "aten::__is__": operator.is_,
    "aten::__not__": operator.not_,
    "aten::__contains__": operator.contains,
    "aten::__range_length": lambda first, last, step: max(0, -(-(last - first) // step)),
    "aten::__derive_index": lambda index, first, step: first + index * step,
    "aten::range": _range,
    "aten::warn": _nothing,
    "aten::format": lambda text, *values: text,
    "aten::_convolution": _convolution,
    "aten::size": _size,
    "aten::numel": lambda x: x.numel(),
    "aten::dim": lambda x: x.dim(),
    "aten::_unwrap_optional": _same,
}
_NUMBERS: dict[str, Function] = {
    "aten::add": _add,
    "aten::sub": _sub,
    "aten::rsub": _rsub,
    "aten::mul": operator.mul,
    "aten::div": _div,
    "aten::floordiv": operator.floordiv,
    "aten::floor_divide": operator.floordiv,
    "aten::remainder": operator.mod,
    "aten::neg": operator.neg,
    "aten::ceil": math.ceil,
    "aten::floor": math.floor,
    "aten::eq": operator.eq,
    "aten::ne": operator.ne,
    "aten::lt": operator.lt,
    "aten::gt": operator.gt,
    "aten::le": operator.le,
    "aten::ge": operator.ge,
    "aten::__and__": operator.and_,
    "aten::__or__": operator.or_,
}
# As numbers of ScalarType in c10.
_DTYPES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64,
           torch.complex32, torch.complex64, torch.complex128, torch.bool)  # fmt: skip


def function_of(kind: str, given: list[Any]) -> Function | None:
    """What computes a node of this kind; None for what Python and torch have not."""
    if kind in _LAYERS:
        layer: Function = getattr(torch, _LAYERS[kind])
        return layer
    if kind in _NUMBERS and not any(isinstance(value, Tensor) for value in given):
        return _NUMBERS[kind]
    if kind in _PLAIN:
        return _PLAIN[kind]
    space, _, name = kind.partition("::")
    packet: Function | None = getattr(torch.ops.aten, name, None) if space == "aten" else None
    return packet


def arguments_of(function: Function, node: Any, given: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    """By place and by name, as an operator of torch has them."""
    if not isinstance(function, OpOverloadPacket):
        return given, {}
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for parameter, value in zip(torch._C.parse_schema(node.schema()).arguments, given, strict=True):
        if parameter.name == "dtype" and isinstance(value, int) and not isinstance(value, bool):
            value = _DTYPES[value]
        if not parameter.kwarg_only:
            args.append(value)
        elif value is not None and parameter.name not in ("layout", "pin_memory"):
            kwargs[parameter.name] = value
    return args, kwargs
