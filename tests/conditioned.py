"""A network with values per sequence, exported once in a run of the tests."""

from __future__ import annotations

import tempfile
from pathlib import Path

import quickly
import torch
from made_once import made_once
from torch import Tensor, nn

FRAMES, SPEAKER, LANGUAGES = 5, 3, 4


class Conditioned(nn.Module):
    """A voice: a speaker starts and scales a GRU, a language stands next to every frame."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(LANGUAGES, 2)
        self.start, self.film = nn.Linear(SPEAKER, 6), nn.Linear(SPEAKER, 12)
        self.gru = nn.GRU(FRAMES + 2, 6, batch_first=True)

    def forward(self, x: Tensor, speaker: Tensor, language: Tensor) -> Tensor:
        scale, shift = self.film(speaker)[:, None].chunk(2, -1)
        known = self.table(language)[:, None].expand(-1, x.shape[1], -1)
        return self.gru(torch.cat([x, known], -1), torch.tanh(self.start(speaker))[None])[0] * scale + shift


def network() -> Conditioned:
    """The same one, whoever asks."""
    torch.manual_seed(3)
    return Conditioned().eval()


def example() -> tuple[Tensor, Tensor, Tensor]:
    """Frames, speakers and languages of two sequences."""
    torch.manual_seed(4)
    return torch.randn(2, 9, FRAMES), torch.randn(2, SPEAKER), torch.tensor([1, 2])


def _made() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return Path(quickly.export(network(), example(), Path(folder) / "voice.onnx").path).read_bytes()


def file() -> bytes:
    """The file of the network in the native form."""
    return made_once("conditioned.onnx", _made)
