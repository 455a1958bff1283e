"""A captured program as a module that computes the same with pairs, to be captured in its place."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from rnnedge_export.capture.complex_numbers.fills import FILLS
from rnnedge_export.capture.complex_numbers.functions import FUNCTIONS
from rnnedge_export.capture.complex_numbers.pairs import ALIKE, FORMULAS, alike, is_complex, is_leaf, parts
from rnnedge_export.capture.complex_numbers.transforms import TRANSFORMS
from rnnedge_export.capture.loops import place
from rnnedge_runtime.errors import ModelRefused

# They make complex numbers out of real ones.
_MAKERS = frozenset({"_fft_r2c", "complex", "polar", "view_as_complex"})
_RULES = {**FORMULAS, **FUNCTIONS, **FILLS, **TRANSFORMS}


def has_complex(program: torch.export.ExportedProgram | torch.fx.GraphModule) -> bool:
    """Whether any value of the program, or any weight that it reads, is complex."""
    values = (node.meta.get("val") for node in program.graph.nodes)
    return any(
        isinstance(one, torch.Tensor) and one.is_complex() for value in values for one in pytree.tree_leaves(value)
    )


class RealPairs(nn.Module):
    """`program`, which is used up, with every complex tensor as a pair; its weights have the names that they had."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        super().__init__()
        # What traces is half of an import of torch, and reading a file needs none of it.
        from rnnedge_export.capture.complex_numbers.plain_transforms import with_plain_transforms

        # In a list, so that torch does not take the program's modules for this one's.
        self._program = [with_plain_transforms(program)]
        signature = self._program[0].graph_signature
        self._weights = {spec.arg.name: spec.target for spec in signature.input_specs if spec.target is not None}
        tensors = {**self._program[0].state_dict, **self._program[0].constants}
        for name in dict.fromkeys(self._weights.values()):
            self._keep(name, tensors[name].detach())

    def _keep(self, name: str, tensor: torch.Tensor) -> None:
        *path, last = name.split(".")
        place: nn.Module = self
        for one in path:
            if one not in place._modules:
                place.add_module(one, nn.Module())
            place = place.get_submodule(one)
        place.register_buffer(last, tensor)

    def _kept(self, name: str) -> torch.Tensor:
        path, _, last = name.rpartition(".")
        return getattr(self.get_submodule(path), last)  # type: ignore[no-any-return]

    def forward(self, *given: torch.Tensor) -> Any:
        """What the program gives for its inputs, in the structure that it gives it in."""
        [program] = self._program
        frames = iter(given)
        specs = program.graph_signature.input_specs
        args = [next(frames) if s.target is None else self._kept(s.target) for s in specs]
        # Nodes of the new capture keep the modules and lines of the old ones.
        with torch.fx.traceback.preserve_node_meta():
            outputs = _Interpreter(program.graph_module).run(*args, enable_io_processing=False)
        if any(map(is_complex, outputs)):
            raise ModelRefused("an output is complex: return torch.view_as_real(y), or its size and phase")
        return pytree.tree_unflatten(list(outputs), program.call_spec.out_spec)


class _Interpreter(torch.fx.Interpreter):
    """Runs a graph of torch's operators; what is complex in it is a `Pair`. A refusal says the line of the code."""

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.extra_traceback = False

    def run_node(self, n: torch.fx.Node) -> Any:
        try:
            return super().run_node(n)
        except ModelRefused as refusal:
            raise ModelRefused(f"{refusal}, in {place(n)}") from refusal

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = getattr(getattr(target, "overloadpacket", None), "__name__", getattr(target, "__name__", str(target)))
        dtypes = [one for one in (*args, *kwargs.values()) if isinstance(one, torch.dtype)]
        found = pytree.tree_leaves((args, kwargs), is_leaf=is_leaf)
        if not any(map(is_complex, found)) and name not in _MAKERS and not any(d.is_complex for d in dtypes):
            return super().call_function(target, args, kwargs)
        if rule := _RULES.get(name):
            return rule(target, args, kwargs)
        if name == "_assert_tensor_metadata":
            return None
        if name == "getitem":
            return args[0][args[1]]
        if name in ALIKE:
            return alike(target, args, kwargs)
        raise ModelRefused(f"{name} of complex numbers has no rule; write it with real and imaginary parts")

    def fetch_attr(self, target: str) -> Any:
        return _split(super().fetch_attr(target))

    def placeholder(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _split(super().placeholder(target, args, kwargs))


def _split(value: Any) -> Any:
    return parts(value) if isinstance(value, torch.Tensor) and value.is_complex() else value
