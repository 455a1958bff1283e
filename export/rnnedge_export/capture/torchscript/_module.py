"""A TorchScript module as a module of Python code, which has its name, its weights and its arguments.

1. Called with numbers it is the TorchScript module itself, a copy in evaluation mode: so the proof is about that.
2. While it is captured its graph, with all calls inlined, is walked instead (`_graph.py`).
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from rnnedge_export.capture.torchscript._graph import GraphWalker, refusal


class _Script(nn.Module):
    """Made by `as_python`."""

    def __init__(self, script: torch.jit.ScriptModule) -> None:
        super().__init__()
        for name, weight in script.named_parameters():
            parent, _, own = name.rpartition(".")
            _folder(self, parent).register_parameter(own, nn.Parameter(weight.detach(), requires_grad=False))
        for name, buffer in script.named_buffers():
            parent, _, own = name.rpartition(".")
            _folder(self, parent).register_buffer(own, buffer.detach())
        # In a list, so that it is no part of this module.
        self._script = [script]
        self._walker = GraphWalker(script)

    def run(self, *inputs: Any) -> Any:
        """As the module."""
        if _is_captured(inputs):
            return self._walker.run(self, inputs)
        return self._script[0](*inputs)


def as_python(module: nn.Module) -> nn.Module:
    """`module` itself if it is no TorchScript; raises `ModelRefused` for a module without one graph."""
    if not isinstance(module, torch.jit.ScriptModule):
        return module
    try:
        script = copy.deepcopy(module).eval()
        arguments = script.forward.schema.arguments[1:]  # type: ignore[attr-defined]
        script.inlined_graph  # noqa: B018
    # torch raises RuntimeError and AttributeError of modules that have no forward, or several.
    except Exception as error:
        raise refusal("without one forward of its own, as a layer of torch.nn alone has none") from error
    name = str(getattr(module, "original_name", "") or "TorchScript")
    made: nn.Module = type(name, (_Script,), {"forward": _forward(arguments)})(script)
    return made.eval()


def _forward(arguments: Any) -> Any:
    def forward(self: _Script, *given: Any, **named: Any) -> Any:
        bound = signature.bind(self, *given, **named)
        return self.run(*bound.args[1:])

    places = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for argument in arguments:
        default = argument.default_value if argument.has_default_value() else inspect.Parameter.empty
        places.append(
            inspect.Parameter(_plain(argument.name), inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
        )
    signature = inspect.Signature(places)
    forward.__signature__ = signature  # type: ignore[attr-defined]
    return forward


def _plain(name: str) -> str:
    """A traced module calls its arguments x.1."""
    return name if name.isidentifier() else "".join(c if c.isalnum() else "_" for c in name)


def _is_captured(inputs: tuple[Any, ...]) -> bool:
    fake = any(isinstance(value, FakeTensor) for value in inputs if isinstance(value, Tensor))
    return fake or torch.compiler.is_exporting() or get_proxy_mode() is not None


def _folder(module: nn.Module, path: str) -> nn.Module:
    for name in filter(None, path.split(".")):
        if name not in module._modules:
            module.add_module(name, nn.Module())
        found = module._modules[name]
        assert found is not None
        module = found
    return module
