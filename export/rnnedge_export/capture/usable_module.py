"""What a module has to be so that it can be captured: Python code, with float weights that are there.

1. TorchScript (`torch.jit`) as a part has no Python code; as a whole its graph is run (`torchscript/`).
2. A program of `torch.export` computes for the lengths that it was made for.
3. A quantized module, or one prepared for quantization, has no float weights, or observes its own values.
4. Weights on the device "meta", and those of a sparse layout, are no array.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from rnnedge_runtime.errors import ModelRefused

# Fused and quantizable modules, and stubs, are float modules as others are.
_QUANTIZED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torchao.quantization")
_OBSERVED = (
    "torch.ao.quantization.observer",
    "torch.ao.quantization.fake_quantize",
    "torch.ao.nn.qat",
    "torch.ao.nn.intrinsic.qat",
)


def check_usable(module: nn.Module) -> None:
    """Raise `ModelRefused` for a module that no capture can take, with the part of it and what to do."""
    for name, part in _parts(module):
        if (reason := _reason(part)) is not None:
            raise ModelRefused(f"{name}: {reason}")
    for name, weight in _weights(module):
        if weight.is_meta:
            raise ModelRefused(f"{name}: expected weights with values, found the device 'meta'; load them first")
        if weight.layout is not torch.strided:
            raise ModelRefused(f"{name}: expected a dense weight, found {weight.layout}; call to_dense() on it first")


def _parts(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    yield type(module).__name__, module
    for name, part in module.named_modules():
        if name:
            yield f"{name} ({type(part).__name__})", part


def _weights(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _reason(part: nn.Module) -> str | None:
    """Why a part cannot be captured, and the remedy."""
    if isinstance(part, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        return (
            "is TorchScript (torch.jit.trace, script or load), which has no Python code to capture; "
            "export the nn.Module that it was made of"
        )
    if isinstance(part, torch.fx.GraphModule) and _is_exported(part):
        return "is a program of torch.export, for the lengths that it was made for; export the nn.Module itself"
    home = type(part).__module__
    if home.startswith(_QUANTIZED):
        return "is quantized; export the float module, with precision='int8' for a small file"
    if home.startswith(_OBSERVED):
        return (
            "is prepared for quantization, and changes with what it sees; export the float module, with "
            "precision='int8' for a small file"
        )
    return None


def _is_exported(part: torch.fx.GraphModule) -> bool:
    """Such a program has a mode of its own that refuses to be changed."""
    return "eval" in vars(part)
