"""Streaming versions of four networks as an engineer writes them: modules with explicit caches, one call at a time.

Each shares its weights with the network for whole sequences; `state` is what the first frame starts from, `hop` how
many frames a call takes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from examples.networks.dual_path import DualPath
from examples.networks.keyword_spotter import KeywordSpotter
from examples.networks.noise_suppressor import NoiseSuppressor
from examples.networks.temporal_convolutions import TemporalConvolutions

Caches = tuple[Tensor, ...]


class TemporalConvolutionsByHand(nn.Module):
    """A cache of past frames in front of every dilated convolution."""

    hop = 1

    def __init__(self, offline: TemporalConvolutions) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_plain(conv) for block in offline.blocks for conv in (block.first, block.second))
        self.downs = nn.ModuleList(block.down for block in offline.blocks)
        self.head = offline.head
        reaches = [block.reach for block in offline.blocks for _ in range(2)]
        self.state: Caches = tuple(torch.zeros(1, c.in_channels, r) for c, r in zip(self.convs, reaches, strict=True))

    def forward(self, x: Tensor, caches: Caches) -> tuple[Tensor, Caches]:
        """One frame (1, 1, features) and the caches -> its output and the caches of the next frame."""
        z, kept = x.transpose(1, 2), []
        for i, down in enumerate(self.downs):
            y = z
            for k in (2 * i, 2 * i + 1):
                seen = torch.cat([caches[k], y], 2)
                kept.append(seen[..., 1:])
                y = functional.relu(self.convs[k](seen))
            z = functional.relu(y + down(z))
        return self.head(z.transpose(1, 2)), tuple(kept)


def _plain(conv: nn.Conv1d) -> nn.Conv1d:
    """Without padding, and without the parametrization of its weights."""
    made = nn.Conv1d(conv.in_channels, conv.out_channels, conv.kernel_size[0], dilation=conv.dilation[0])
    made.load_state_dict({"weight": conv.weight.detach(), "bias": conv.bias.detach()})
    return made


class DualPathByHand(nn.Module):
    """A cache of two frames for the first convolution, and a state for each recurrence over time."""

    hop = 1

    def __init__(self, offline: DualPath) -> None:
        super().__init__()
        self.network = offline
        hidden = offline.along[0].hidden_size
        past = torch.zeros(1, 2, 2, 2 * offline.width - 1)
        self.state: Caches = (past, *(torch.zeros(1, offline.width, hidden) for _ in offline.along))

    def forward(self, x: Tensor, state: Caches) -> tuple[Tensor, Caches]:
        """One frame (1, 1, bins, 2) and the state -> its output and the state of the next frame."""
        network = self.network
        spectrum = x.permute(0, 3, 1, 2)
        seen = torch.cat([state[0], spectrum], 2)
        kept = [seen[:, :, 1:]]
        z = functional.relu(network.enter(seen)).permute(0, 2, 3, 1)[:, 0]
        for i, (within, along) in enumerate(zip(network.within, network.along, strict=True)):
            z = z + network.norms[2 * i](within(z)[0])
            y, h = along(z.transpose(0, 1), state[1 + i])
            kept.append(h)
            z = z + network.norms[2 * i + 1](y.transpose(0, 1))
        mask = torch.tanh(network.leave(z[:, None].permute(0, 3, 1, 2)))
        real, imaginary = spectrum.chunk(2, 1)
        a, b = mask.chunk(2, 1)
        return torch.cat([real * a - imaginary * b, real * b + imaginary * a], 1).permute(0, 2, 3, 1), tuple(kept)


class KeywordSpotterByHand(nn.Module):
    """A cache of four frames for the strided convolution, and the state of two recurrent layers."""

    hop = 2

    def __init__(self, offline: KeywordSpotter) -> None:
        super().__init__()
        self.network = offline
        self.state: Caches = (torch.zeros(1, 1, 4, 40), torch.zeros(2, 1, offline.rnn.hidden_size))

    def forward(self, x: Tensor, state: Caches) -> tuple[Tensor, Caches]:
        """Two frames (1, 2, bands) and the state -> one output and the state."""
        seen = torch.cat([state[0], x.unsqueeze(1)], 2)
        z = functional.relu(self.network.norm(self.network.conv(seen)))
        y, h = self.network.rnn(z.permute(0, 2, 1, 3).flatten(2), state[1])
        return self.network.head(y), (seen[:, :, -4:], h)


class NoiseSuppressorByHand(nn.Module):
    """A cache of four frames, and the states of four recurrences at three rates."""

    hop = 4

    def __init__(self, offline: NoiseSuppressor) -> None:
        super().__init__()
        self.network = offline
        hidden = offline.conv.in_channels
        states = (torch.zeros(1, 1, gru.hidden_size) for gru in (offline.voice, *offline.groups))
        self.state: Caches = (torch.zeros(1, hidden, 4), *states)

    def forward(self, x: Tensor, state: Caches) -> tuple[Tensor, Caches]:
        """Four frames (1, 4, features) and the state -> gains and voice (1, 4, bands + 1) and the state."""
        network = self.network
        seen = torch.cat([state[0], torch.tanh(network.dense(x)).transpose(1, 2)], 2)
        z = torch.tanh(network.conv(seen)).transpose(1, 2)
        voice, h = network.voice(z, state[1])
        kept, gains, both = [seen[..., -4:], h], [], torch.cat([z, voice], -1)
        for i, rate in enumerate((1, 2, 4)):
            slow = functional.avg_pool1d(both.transpose(1, 2), rate).transpose(1, 2) if rate > 1 else both
            y, h = network.groups[i](slow, state[2 + i])
            kept.append(h)
            gains.append(torch.sigmoid(network.gains[i](y)).repeat_interleave(rate, 1))
        return torch.cat([*gains, torch.sigmoid(network.speech(voice))], -1), tuple(kept)


BY_HAND = {
    "keyword-spotter": KeywordSpotterByHand,
    "noise-suppressor": NoiseSuppressorByHand,
    "temporal-convolutions": TemporalConvolutionsByHand,
    "dual-path": DualPathByHand,
}
