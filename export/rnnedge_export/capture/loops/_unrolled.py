"""A module captured at one length: the graph of operators that torch calls, without assignments.

1. `torch.export` would trace it three times; this is one trace, before operators such as `lstm_cell` are taken apart.
2. The batch is a large prime: what is a multiple of it is a size of the batch. A symbol in its place takes three times
   as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._dispatch.python import enable_python_dispatcher
from torch._guards import detect_fake_mode
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch._subclasses.functional_tensor import FunctionalTensorMode, dispatch_functionalize
from torch.func import functional_call
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.node import map_arg

from rnnedge_export.capture.loops._module_paths import PLACE, module_paths

aten: Any = torch.ops.aten
# torch.onnx takes einsum apart into what no rule of a body knows.
_TAKEN_APART = {aten.einsum.default: aten.einsum.default.decompose, aten.chunk.default: aten.chunk.default.decompose}


@dataclass(frozen=True)
class Unrolled:
    """`weights`: the name and the tensor of each input of the graph that is one; `inputs`: the others, in order."""

    module: GraphModule
    weights: dict[Node, tuple[str, Tensor]]
    inputs: tuple[Node, ...]
    batch: int


def unrolled(
    module: nn.Module,
    inputs: Sequence[Tensor],
    batch_axes: Sequence[int],
    batch: int,
    *,
    exporting: bool = True,
    einsum: bool = False,
) -> Unrolled:
    """Capture `module` at the lengths of `inputs`, for `batch` sequences; raises whatever its `forward` raises.

    `exporting`: what `torch.compiler.is_exporting()` says, such as to `rnnedge.nn.time_loop`, which else is a loop.
    `einsum`: it stays what it is.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True, export=True)
    weights = {**dict(module.named_parameters()), **dict(module.named_buffers())}

    def forward(tensors: Sequence[Tensor], given: Sequence[Tensor]) -> Any:
        return functional_call(module, dict(zip(weights, tensors, strict=True)), tuple(given))

    fakes = [mode.from_tensor(tensor, static_shapes=True) for tensor in weights.values()]
    with mode:
        frames = [_sized(tensor, axis, batch) for tensor, axis in zip(inputs, batch_axes, strict=True)]
    with (
        torch.no_grad(), _unchanged(module), mode, enable_python_dispatcher(), _exporting(exporting),
        module_paths(module),
    ):  # fmt: skip
        function = dispatch_functionalize(forward, FunctionalTensorMode(pre_dispatch=True, export=True))
        traced = make_fx(
            function,
            decomposition_table={} if einsum else _TAKEN_APART,
            _allow_non_fake_inputs=True,
            pre_dispatch=True,
            record_stack_traces=True,
        )(fakes, frames)
    _share_constants(traced, mode)
    places = [node for node in traced.graph.nodes if node.op == "placeholder"]
    named = dict(zip(places, weights.items(), strict=False))
    return Unrolled(traced, named, tuple(places[len(weights) :]), batch)


def _share_constants(module: GraphModule, mode: FakeTensorMode) -> None:
    """Every read of a tensor that is no weight is a constant of its own: equal ones become one."""
    first: dict[Any, Node] = {}
    for node in module.graph.find_nodes(op="get_attr"):
        constant = getattr(module, str(node.target))
        if isinstance(constant, Tensor) and not isinstance(constant, FakeTensor):
            node.meta.setdefault("val", mode.from_tensor(constant, static_shapes=True))
            values = constant.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            same = first.setdefault((constant.dtype, constant.shape, values), node)
            if same is not node:
                node.replace_all_uses_with(same)
                module.graph.erase_node(node)


def _sized(tensor: Tensor, axis: int, size: int) -> Tensor:
    return torch.empty([size if i == axis else n for i, n in enumerate(tensor.shape)], dtype=tensor.dtype)


@contextmanager
def _exporting(answer: bool) -> Iterator[None]:
    flag: Any = torch.compiler
    before = flag._is_exporting_flag
    flag._is_exporting_flag = answer
    try:
        yield
    finally:
        flag._is_exporting_flag = before


@contextmanager
def _unchanged(module: nn.Module) -> Iterator[None]:
    """What `forward` writes on its modules while it is traced is taken back."""
    before = [(each, dict(each.__dict__), _copies(each.__dict__)) for each in module.modules()]
    try:
        yield
    finally:
        for each, attributes, contents in before:
            each.__dict__.clear()
            each.__dict__.update(attributes)
            for name, copy in contents.items():
                _restore(attributes[name], copy)


def _copies(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value.copy() for name, value in attributes.items() if type(value) in (list, dict, set)}


def _restore(value: Any, copy: Any) -> None:
    if isinstance(value, list):
        value[:] = copy
    else:
        value.clear()
        value.update(copy)


def shape_of(node: Node) -> tuple[int, ...]:
    """The sizes of a tensor; () for what is no tensor."""
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


def is_tensor(node: Node) -> bool:
    """Whether a node gives one tensor."""
    return isinstance(node.meta.get("val"), Tensor)


def new_node(
    before: Node, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, *, same: bool = True
) -> Node:
    """An operator in front of `before`, with its place in the code; `same`: it stands for it, and has its value."""
    with before.graph.inserting_before(before):
        node = before.graph.call_function(target, args, kwargs or {})
    node.meta = {key: before.meta[key] for key in (*PLACE, "val") if key in before.meta}
    if not same:
        given, named = map_arg((args, kwargs or {}), lambda argument: argument.meta["val"])
        mode = detect_fake_mode(given) or detect_fake_mode(before.meta["val"])
        assert mode is not None
        with torch.no_grad(), mode, enable_python_dispatcher():
            node.meta["val"] = target(*given, **named)
    return node
