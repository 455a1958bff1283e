"""A TorchScript file as a SOURCE: `network.pt`, such as `torch.jit.save` writes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from rnnedge_runtime.errors import ModelRefused

_ENDINGS = (".pt", ".pth", ".ts", ".jit", ".torchscript")


def is_script(text: str) -> bool:
    """Whether a SOURCE is called like a file of torch, and names no factory."""
    return text.endswith(_ENDINGS)


def load_script(text: str) -> nn.Module:
    """The module in the file; it is a program, as a factory is. Raises `ModelRefused` for what holds none."""
    alone = f"weights alone go into their module: package.module:factory --weights {text}"
    if not Path(text).is_file():
        raise ModelRefused(f"{text}: expected a TorchScript file, found none there; {alone}")
    try:
        loaded: nn.Module = torch.jit.load(text, map_location="cpu")  # type: ignore[no-untyped-call]
    # torch raises RuntimeError and its own types.
    except Exception as error:
        raise ModelRefused(f"{text}: expected a file of torch.jit.save, found another one; {alone}") from error
    return loaded
