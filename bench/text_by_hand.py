"""The text task as one would write it by hand: torch and nothing of ours but the data.

`python -m bench.text_by_hand [EPOCHS]` prints CPU seconds an epoch, training and validation bits per character. The
network and the training are those of `rnnedge/tasks/recipes/text.toml`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from time import process_time

import torch
from torch import Tensor, nn

from rnnedge.tasks.text import load

LANES, K, EMBEDDING, HIDDEN, DROPOUT = 16, 64, 64, 384, 0.4
LEARNING_RATE, WEIGHT_DECAY, CLIP = 4e-3, 0.02, 1.0


class ByHand(nn.Module):
    """Embedding, one LSTM, dropout, linear head."""

    def __init__(self, tokens: int) -> None:
        """For `tokens` characters."""
        super().__init__()
        self.embedding = nn.Embedding(tokens, EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(HIDDEN, tokens)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (lane, time) int64 -> scores (lane, time, token), state."""
        h, state = self.lstm(self.embedding(x), state)
        return self.head(self.dropout(h)), state


def epochs(count: int, total: int, seed: int = 0) -> Iterator[tuple[float, float]]:
    """Train `count` epochs of a schedule of `total`; yields the CPU seconds and the training bits of each."""
    torch.manual_seed(seed)
    train = load().train
    net = ByHand(len(train.labels))
    length = len(train.frames[0]) // LANES
    x = torch.from_numpy(train.frames[0][: length * LANES]).view(LANES, length)
    y = torch.from_numpy(train.targets[0][: length * LANES]).view(LANES, length)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, -(-length // K) * total)
    for _ in range(count):
        started, sum_of_losses, state = process_time(), 0.0, None
        for start in range(0, length, K):
            scores, state = net(x[:, start : start + K], state)
            state = (state[0].detach(), state[1].detach())
            target = y[:, start : start + K]
            loss = nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            sum_of_losses += float(loss.detach()) * target.shape[1]
        yield process_time() - started, sum_of_losses / length / math.log(2)


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for number, (seconds, bits) in enumerate(epochs(wanted, max(wanted, 14)), 1):
        print(f"epoch {number}: {seconds:.1f} s, {bits:.3f} bits per character")
