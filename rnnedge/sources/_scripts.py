"""A TorchScript file as a SOURCE: `network.pt`, such as `torch.jit.save` writes."""

from __future__ import annotations

import zipfile

import torch
from torch import nn

from rnnedge.sources._weights import read_weights
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.plain_file import is_file

_ENDINGS = (".pt", ".pth", ".ts", ".jit", ".torchscript", ".pt2")
_CODE = "name the code of the network: package.module:factory"


def is_script(text: str) -> bool:
    """Whether a SOURCE is called like a file of torch, and names no factory."""
    return text.endswith(_ENDINGS)


def load_script(text: str) -> nn.Module:
    """The module in the file; it is a program, as a factory is. Raises `ModelRefused` for what holds none."""
    if not is_file(text):
        raise ModelRefused(
            f"{text}: expected a TorchScript file, found none there; weights alone go into their module: "
            f"package.module:factory --weights {text}"
        )
    try:
        loaded: nn.Module = torch.jit.load(text, map_location="cpu")  # type: ignore[no-untyped-call]
    # torch raises RuntimeError and its own types.
    except Exception as error:
        raise ModelRefused(f"{text}: {_other_kind(text)}") from error
    return loaded


def _other_kind(text: str) -> str:
    """What a file of torch is that holds no script, and the remedy."""
    if zipfile.is_zipfile(text):
        with zipfile.ZipFile(text) as archive:
            if any(name.endswith("/archive_format") for name in archive.namelist()):
                return f"is a program of torch.export, for the lengths that it was made for; {_CODE}"
    try:
        read_weights(text)
    except ModelRefused as refused:
        return f"expected a file of torch.jit.save, found another one ({refused}); {_CODE}"
    return f"expected a file of torch.jit.save, found weights alone; {_CODE} --weights {text}"
