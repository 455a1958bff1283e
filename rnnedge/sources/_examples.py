"""Example inputs of a module: as the command line gives them, or guessed from the layers that read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from rnnedge_runtime.errors import InputError, ModelRefused

# Frames of a guess: few, then as many as a kernel, and a window of a spectrum, want.
_FRAMES = (8, 100, 4000)
_DTYPES = {"float32": torch.float32, "int64": torch.int64}
_MOST_NUMBERS = 1 << 28
_SHOWN = 200


def given_examples(texts: Sequence[str]) -> Tensor | tuple[Tensor, ...]:
    """Inputs of the shapes in `texts`, `1,100,40` or `1,100:int64`, one for each argument of `forward`.

    Raises `InputError` for a shape that is none.
    """
    made = tuple(_given(text) for text in texts)
    return made if len(made) > 1 else made[0]


def _given(text: str) -> Tensor:
    shape, _, dtype = text.partition(":")
    sizes = [int(part) for part in shape.split(",") if part.strip().isdecimal()]
    fits = len(sizes) == len(shape.split(",")) >= 2 and all(sizes) and torch.Size(sizes).numel() <= _MOST_NUMBERS
    if not fits or (dtype or "float32") not in _DTYPES:
        raise InputError(
            f"example: expected sizes as batch,time,features, such as 1,100,40, or 1,100:int64, found {text!r}"
        )
    return torch.zeros(sizes, dtype=torch.int64) if dtype == "int64" else torch.randn(sizes)


def guessed_example(module: nn.Module, input_size: int | None, text: str) -> tuple[Tensor, str]:
    """An input that `forward` takes, and what it is; raises `ModelRefused` with what to give if none is found."""
    sizes = [input_size] if input_size else list(dict.fromkeys(_sizes(module)))
    tokens = [] if input_size else _tokens(module)
    candidates: list[Tensor] = []
    for frames in _FRAMES:
        candidates += [torch.arange(frames).remainder(count)[None] for count in tokens]
        candidates += [torch.randn(1, frames, size) for size in sizes]
    reasons: list[str] = []
    example = _first_taken(module, candidates, reasons)
    if example is not None:
        kind = "int64 tokens" if example.dtype == torch.int64 else "float32"
        return example, f"{kind} {tuple(example.shape)}, (batch, time, ...)"
    turned = _first_taken(module, [torch.randn(1, size, frames) for frames in _FRAMES for size in sizes], [])
    if turned is not None:
        channels, frames = turned.shape[1:]
        raise ModelRefused(
            f"{text}: takes float32 (1, {channels}, {frames}), where time is the last axis; give --example "
            f"1,{channels},{frames} --time-axis 2"
        )
    tried = ", ".join(str(tuple(one.shape)) for one in candidates[: len(candidates) // len(_FRAMES)]) or "nothing"
    raise ModelRefused(
        f"{text}: no example input found (tried {tried}{reasons[0] if reasons else ''}); let the factory return "
        "(module, example), or give its shape with --example batch,time,features, such as 1,100,40"
    )


def _first_taken(module: nn.Module, candidates: Sequence[Tensor], reasons: list[str]) -> Tensor | None:
    """What `forward` takes; `reasons`: why it does not take the others."""
    was_training = module.training
    module.eval()
    try:
        for example in candidates:
            try:
                with torch.no_grad():
                    module(example)
            # Whatever forward raises, the next candidate may fit.
            except Exception as error:
                reason = (str(error).strip() or repr(error)).splitlines()[0][:_SHOWN]
                reasons.append(f"; the first fails with {type(error).__name__}: {reason}")
                continue
            return example
    finally:
        module.train(was_training)
    return None


def _tokens(module: nn.Module) -> list[int]:
    """How many tokens the first layer knows that looks such up."""
    return [layer.num_embeddings for layer in module.modules() if isinstance(layer, nn.Embedding)][:1]


def _sizes(module: nn.Module) -> Iterator[int]:
    """Features that a layer asks for, in the order of the layers; then sizes of weights without a layer."""
    for layer in module.modules():
        size = getattr(layer, "input_size", getattr(layer, "in_features", None))
        if isinstance(layer, nn.Conv1d):
            size = layer.in_channels
        if size is None and isinstance(layer, nn.LayerNorm):
            size = layer.normalized_shape[-1]
        if isinstance(size, int):
            yield size
    for layer in module.modules():
        yield from (size for weight in layer.parameters(recurse=False) if weight.ndim == 2 for size in weight.shape)
