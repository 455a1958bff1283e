"""Weights from a file: safetensors, or a state dict that `torch.save` wrote, read without running what is in it.

A `.pt` file is a zip archive with a pickle. torch reads it with `weights_only=True`, which runs no code, and unpacks
whatever the archive says first; a megabyte of it can become a gigabyte. So the archive is looked at before:

1. It is a zip archive; the older format, a bare pickle, is refused.
2. Every part is stored as it is, as `torch.save` does, and the parts together are no longer than the file.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge.sources._checkpoints import parts_of, weights_of
from rnnedge_runtime.errors import MissingExtra, ModelRefused
from rnnedge_runtime.plain_file import is_file

_ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")


def load_weights(module: nn.Module, path: str | os.PathLike[str]) -> None:
    """Put the weights in the file at `path` into `module`, every one of them.

    The file may be a checkpoint that holds them next to other things; see `weights_of`.
    Raises `ModelRefused` for a file that is missing, damaged or of another kind, and where names or shapes differ.
    """
    name = os.fspath(path)
    own = module.state_dict()
    found = weights_of(read_weights(path), own, name)
    missing, extra = sorted(set(own) - set(found)), sorted(set(found) - set(own))
    if missing or extra:
        words = [f"{what} {len(names)}, such as {names[0]!r}" for what, names in
                 (("lacks", missing), ("has unknown", extra)) if names]  # fmt: skip
        raise ModelRefused(
            f"{name}: expected the {len(own)} weights of {type(module).__name__}; it {' and '.join(words)}; "
            "give the weights of this very network"
        )
    for key, tensor in found.items():
        _check_plain(tensor, f"{name}: {key}")
        if tensor.shape != own[key].shape:
            raise ModelRefused(
                f"{name}: {key}: expected shape {tuple(own[key].shape)}, found {tuple(tensor.shape)}; "
                "give the weights of this very network"
            )
        _check_kind(tensor, own[key], f"{name}: {key}")
    module.load_state_dict(found)


def _check_plain(tensor: Tensor, place: str) -> None:
    """Raise `ModelRefused` for a tensor that is more, or less, than an array of numbers."""
    kinds = (("nested", tensor.is_nested), ("without numbers, on no device", tensor.is_meta),
             ("quantized", tensor.is_quantized), ("sparse", tensor.layout != torch.strided))  # fmt: skip
    found = next((word for word, is_it in kinds if is_it), None)
    if found is not None:
        raise ModelRefused(f"{place}: expected a plain array of numbers, found one that is {found}; save a dense one")


def _check_kind(tensor: Tensor, own: Tensor, place: str) -> None:
    """Raise `ModelRefused` where numbers would become others as they are copied: cut, rounded to whole, or infinite."""
    found, expected = (_kind(one) for one in (tensor, own))
    if found != expected:
        raise ModelRefused(f"{place}: expected {expected} ({own.dtype}), found {found} ({tensor.dtype}); convert them")
    larger = expected == "real numbers" and torch.finfo(tensor.dtype).max > torch.finfo(own.dtype).max
    if larger and not torch.equal(tensor.isfinite(), tensor.to(own.dtype).isfinite()):
        raise ModelRefused(f"{place}: expected numbers within {own.dtype}, found larger ones in {tensor.dtype}")


def _kind(tensor: Tensor) -> str:
    if tensor.is_complex():
        return "complex numbers"
    if tensor.is_floating_point():
        return "real numbers"
    return "truth values" if tensor.dtype == torch.bool else "whole numbers"


def read_weights(path: str | os.PathLike[str]) -> dict[str, dict[str, Tensor]]:
    """What a file of weights holds: its tensors by name, of each dict in it, by the place of that.

    Raises `ModelRefused` for what is no such file.
    """
    name = os.fspath(path)
    found = _read(Path(path), name)
    parts = parts_of(found)
    if not parts:
        raise ModelRefused(
            f"{name}: expected a state dict, names and tensors, found {type(found).__name__}; save module.state_dict()"
        )
    return parts


def _read(path: Path, name: str) -> Any:
    if not is_file(path):
        raise ModelRefused(f"{name}: cannot be read (no such file); check the path")
    # Training loops have endings of their own, such as .th and .pth.tar.
    if path.suffix not in _ENDINGS and not zipfile.is_zipfile(path):
        raise ModelRefused(
            f"{name}: expected weights in a {', '.join(_ENDINGS)} file, found {path.suffix or 'no ending'}"
        )
    try:
        return _safetensors(path) if path.suffix == ".safetensors" else _state_dict(path, name)
    except (ModelRefused, MissingExtra):
        raise
    # safetensors, zipfile, pickle and torch have a dozen types for bytes that they do not take.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if "weights_only" in str(error) or "Weights only" in reason:
            raise ModelRefused(
                f"{name}: holds more than tensors, a whole module or settings, which is code and is not run; save "
                "module.state_dict(), or checkpoint['state_dict'], where that code is"
            ) from error
        raise ModelRefused(f"{name}: cannot be read as weights ({reason[:200]}); save it again") from error


def _safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingExtra("safetensors files need safetensors; install 'rnnedge[train]'") from error
    return load_file(path)


def _state_dict(path: Path, name: str) -> Any:
    if not zipfile.is_zipfile(path):
        raise ModelRefused(
            f"{name}: expected a zip archive of torch.save, found the older format; save it again, or as .safetensors"
        )
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if any("/code/" in part.filename for part in parts):
        raise ModelRefused(f"{name}: is a TorchScript module; save the state_dict() of the module that it was made of")
    packed = next((part for part in parts if part.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None:
        raise ModelRefused(f"{name}: {packed.filename[:60]!r}: expected parts that are stored, found a compressed one")
    size, unpacked = path.stat().st_size, sum(part.file_size for part in parts)
    if unpacked > size:
        raise ModelRefused(f"{name}: expected parts of at most {size:,} bytes, found {unpacked:,}")
    return torch.load(path, weights_only=True, map_location="cpu")
