"""Causal convolutions over time, or over time and feature, that run in pieces of any length.

With kernel k, dilation d and stride s over time, a frame of output reads K = (k - 1) d + 1 frames. Frame j is complete
with frame (j + 1) s - 1 of the input; before the first frame stand zeros (van den Oord et al., "WaveNet: a generative
model for raw audio", 2016, section 2.1, for s = 1; Waibel et al., "Phoneme recognition using time-delay neural
networks", 1989).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from rnnedge.options import check, option

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "elu": nn.functional.elu,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
}


@dataclass(frozen=True)
class Conv1d:
    """A causal convolution over time: `channels` outputs per frame, one frame every `stride`.

    `kernel` frames that stand `dilation` apart; `activation`: one of `ACTIVATIONS`; `norm`: layer normalization of
    every frame's channels before it.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    kind: Literal["conv1d"] = "conv1d"
    channels: int = option(32, least=1)
    kernel: int = option(3, least=1)
    stride: int = option(1, least=1)
    dilation: int = option(1, least=1)
    activation: str = option("relu", one_of=tuple(ACTIVATIONS))
    norm: bool = False

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range."""
        check(self)


@dataclass(frozen=True)
class Conv2d:
    """A convolution over time, causal, and over features, centred: `channels` maps of the features of every frame.

    `kernel`, `stride`, `dilation`: (time, feature). Over features, zeros stand on both sides: with stride 1 and an odd
    kernel a map has as many features as the input. After another `Conv2d` it reads all of its maps. `activation`,
    `norm`: as for `Conv1d`.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    kind: Literal["conv2d"] = "conv2d"
    channels: int = option(8, least=1)
    kernel: tuple[int, int] = option((3, 3), least=1)
    stride: tuple[int, int] = option((1, 1), least=1)
    dilation: tuple[int, int] = option((1, 1), least=1)
    activation: str = option("relu", one_of=tuple(ACTIVATIONS))
    norm: bool = False

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range."""
        check(self)


class CausalConv1d(nn.Module):
    """x (batch, time, input) -> y (batch, frames, channels), float32; frames = time // stride from a fresh state.

    The state is the frames that later windows need, (batch, K - s + phase, input) with K at least s and phase = frames
    since the last window; it lives with the caller, who starts a sequence with None.
    """

    def __init__(self, config: Conv1d, inputs: int) -> None:
        """`inputs` features per frame. Initialized as torch.nn.Conv1d."""
        super().__init__()
        self.config = config
        self.out_features = config.channels
        self.conv = nn.Conv1d(inputs, config.channels, config.kernel, config.stride, dilation=config.dilation)
        self.norm = nn.LayerNorm(config.channels) if config.norm else nn.Identity()
        self.span, self.stride = (config.kernel - 1) * config.dilation + 1, config.stride

    def output_frames(self, frames: Tensor) -> Tensor:
        """Frames of a sequence of that many frames, int64: frames // s."""
        return torch.div(frames, self.stride, rounding_mode="floor")

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The frames that x completes, possibly none, and the state after it."""
        return _in_pieces(self._frames, x, state, self.span, self.stride, self.out_features)

    def _frames(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x.transpose(1, 2)).transpose(1, 2))
        return ACTIVATIONS[self.config.activation](y)


class CausalConv2d(nn.Module):
    """x (batch, time, maps * features) -> y (batch, frames, channels * features), float32, map after map.

    The state is that of `CausalConv1d`.
    """

    def __init__(self, config: Conv2d, inputs: int, maps: int = 1) -> None:
        """`inputs` numbers per frame: those of `maps` maps. Initialized as torch.nn.Conv2d."""
        super().__init__()
        self.config = config
        (k, k_f), (s, s_f), (d, d_f) = config.kernel, config.stride, config.dilation
        width, reach = inputs // maps, (k_f - 1) * d_f
        self.padding = (reach // 2, reach - reach // 2)
        self.in_maps, self.maps = maps, config.channels
        self.out_features = config.channels * ((width - 1) // s_f + 1)
        self.conv = nn.Conv2d(maps, config.channels, (k, k_f), (s, s_f), dilation=(d, d_f))
        self.norm = nn.LayerNorm(self.out_features) if config.norm else nn.Identity()
        self.span, self.stride = (k - 1) * d + 1, s

    def output_frames(self, frames: Tensor) -> Tensor:
        """Frames of a sequence of that many frames, int64: frames // s."""
        return torch.div(frames, self.stride, rounding_mode="floor")

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The frames that x completes, possibly none, and the state after it."""
        return _in_pieces(self._frames, x, state, self.span, self.stride, self.out_features)

    def _frames(self, x: Tensor) -> Tensor:
        maps = nn.functional.pad(torch.unflatten(x, 2, (self.in_maps, -1)).transpose(1, 2), self.padding)
        y = self.norm(self.conv(maps).transpose(1, 2).flatten(2))
        return ACTIVATIONS[self.config.activation](y)


def _in_pieces(
    frames: Callable[[Tensor], Tensor], x: Tensor, state: Tensor | None, span: int, stride: int, width: int
) -> tuple[Tensor, Tensor]:
    """`frames` on windows of `span` frames that end with every `stride`-th one."""
    window = max(span, stride)
    before = x.new_zeros(x.shape[0], window - stride, x.shape[2]) if state is None else state
    x = torch.cat([before, x], dim=1)
    if torch.compiler.is_exporting():
        return frames(x[:, window - span :] if window > span else x), x[:, :0]
    count = max((x.shape[1] - window) // stride + 1, 0)
    y = frames(x[:, window - span :]) if count else x.new_zeros(x.shape[0], 0, width)
    return y, x[:, count * stride :]
