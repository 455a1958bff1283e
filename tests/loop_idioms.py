"""Ways in which people write a recurrence as a Python loop over time, each as small as it shows."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch._higher_order_ops.associative_scan import associative_scan

State = namedtuple("State", "h c")


class Cells(nn.Module):
    """A function of x (batch, time, 3), and what it may use."""

    def __init__(self, function: Callable[[Cells, Tensor], Tensor | tuple[Tensor, ...]]) -> None:
        """With random weights."""
        super().__init__()
        self.function = function
        self.linear, self.back = nn.Linear(3, 3), nn.Linear(3, 3)
        self.lstm, self.gru, self.rnn = nn.LSTMCell(3, 3), nn.GRUCell(3, 3), nn.RNNCell(3, 3)
        self.layer, self.h0 = nn.LSTM(3, 3, batch_first=True), nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Call the function."""
        return self.function(self, x)


def zeros(x: Tensor) -> Tensor:
    """A state of nothing."""
    return x.new_zeros(x.shape[0], 3)


def zeros_like_a_frame(net: Cells, x: Tensor) -> Tensor:
    """A state of the shape of a frame."""
    h, ys = torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        h = net.rnn(x[:, t], h)
        ys.append(h)
    return torch.stack(ys, 1)


def zeros_of_the_first_frame(net: Cells, x: Tensor) -> Tensor:
    """State None, made from the first frame; frames by `split`."""
    h, ys = None, []
    for frame in x.split(1, dim=1):
        h = frame.new_zeros(frame.shape[0], 3) if h is None else h
        h = net.gru(frame.squeeze(1), h)
        ys.append(h)
    return torch.stack(ys, 1)


def learned_start(net: Cells, x: Tensor) -> Tensor:
    """A learned state before the first frame, for both."""
    h = c = net.h0.expand(x.shape[0], -1)
    ys = []
    for t in range(x.shape[1]):
        h, c = net.lstm(x[:, t], (h, c))
        ys.append(net.back(h))
    return torch.stack(ys, 1)


def named_state(net: Cells, x: Tensor) -> tuple[Tensor, Tensor]:
    """A named tuple of states; the last one is an output too."""
    state, ys = State(zeros(x), zeros(x)), []
    for frame in x.transpose(0, 1):
        state = State(*net.lstm(frame, state))
        ys.append(state.h)
    return torch.stack(ys).transpose(0, 1), state.h


def rows_assigned_by_slices(net: Cells, x: Tensor) -> Tensor:
    """Outputs assigned to slices of one frame."""
    h, y = zeros(x), torch.zeros_like(x)
    for t in range(x.shape[1]):
        h = net.gru(x[:, t : t + 1].reshape(x.shape[0], -1), h)
        y[:, t : t + 1] = h.unsqueeze(1)
    return y


def one_row_more(net: Cells, x: Tensor) -> Tensor:
    """The states of all frames in a tensor, with the start in front, read where they were assigned."""
    h = torch.zeros(x.shape[1] + 1, x.shape[0], 3)
    for t in range(x.shape[1]):
        h[t + 1] = torch.tanh(net.back(h[t]) + x[:, t])
    return h[1:].transpose(0, 1)


def growing_by_cat(net: Cells, x: Tensor) -> Tensor:
    """Outputs joined to those before."""
    h, y = zeros(x), torch.empty(x.shape[0], 0, 3)
    for t in range(x.shape[1]):
        h = 0.5 * h + torch.tanh(net.back(h) * x[:, t])
        y = torch.cat([y, h[:, None]], dim=1)
    return y


def before_the_update(net: Cells, x: Tensor) -> Tensor:
    """The output is of the state before the frame."""
    h, ys = zeros(x), []
    for frame in x.unbind(1):
        ys.append(net.linear(h))
        h = torch.tanh(net.back(h) + frame)
    return torch.stack(ys, 1)


def two_frames_back(net: Cells, x: Tensor) -> Tensor:
    """A recursive filter of second order."""
    y1 = y2 = x1 = zeros(x)
    ys = []
    for t in range(x.shape[1]):
        y = x[:, t] + 0.5 * x1 + 0.3 * y1 - 0.2 * y2
        y2, y1, x1 = y1, y, x[:, t]
        ys.append(y)
    return torch.stack(ys, 1)


def window_in_a_list(net: Cells, x: Tensor) -> Tensor:
    """The last three frames in a list."""
    window, ys = [zeros(x)] * 3, []
    for t in range(x.shape[1]):
        window = [*window[1:], x[:, t]]
        ys.append(torch.tanh(net.linear(window[0]) + window[1]) + net.back(window[2]))
    return torch.stack(ys, 1)


def layers_in_the_loop(net: Cells, x: Tensor) -> Tensor:
    """Two cells in one loop."""
    h, g, ys = zeros(x), zeros(x), []
    for t in range(x.shape[1]):
        h = net.gru(x[:, t], h)
        g = net.rnn(h + x[:, t], g)
        ys.append(g)
    return torch.stack(ys, 1)


def layer_frame_by_frame(net: Cells, x: Tensor) -> Tensor:
    """A whole layer called with one frame."""
    state, ys = None, []
    for t in range(x.shape[1]):
        y, state = net.layer(x[:, t : t + 1], state)
        ys.append(y)
    return torch.cat(ys, 1)


def last_output_of_a_layer(net: Cells, x: Tensor) -> Tensor:
    """A layer called with one frame, whose last output alone is read."""
    state = None
    for t in range(x.shape[1]):
        y, state = net.layer(net.linear(x[:, t]).unsqueeze(1), state)
    return net.back(torch.relu(y[:, -1, :]))


def chunks(net: Cells, x: Tensor) -> Tensor:
    """Chunks of five frames, as training by truncated gradients has."""
    h, parts = zeros(x), []
    for start in range(0, x.shape[1], 5):
        h, ys = h.detach(), []
        for t in range(start, min(start + 5, x.shape[1])):
            h = net.gru(x[:, t], h)
            ys.append(h)
        parts.append(torch.stack(ys, 1))
    return torch.cat(parts, 1)


def no_state(net: Cells, x: Tensor) -> Tensor:
    """Every frame by itself."""
    return torch.stack([torch.tanh(net.linear(x[:, t])) for t in range(x.shape[1])], 1)


def counted(net: Cells, x: Tensor) -> Tensor:
    """A running mean with a counter of its own."""
    mean, n, ys = zeros(x), torch.zeros(x.shape[0], 1), []
    for frame in x.unbind(1):
        n = n + 1
        mean = mean + (frame - mean) / n
        ys.append(mean)
    return torch.stack(ys, 1)


def accumulated(net: Cells, x: Tensor) -> Tensor:
    """`itertools` with an initial value."""
    return torch.stack(list(accumulate(x.unbind(1), lambda h, frame: net.gru(frame, h), initial=zeros(x)))[1:], 1)


def running_product(net: Cells, x: Tensor) -> Tensor:
    """Running product, maximum and minimum."""
    return torch.sigmoid(x).cumprod(1) + x.cummax(1).values - torch.cummin(x, dim=1)[0]


def log_space(net: Cells, x: Tensor) -> Tensor:
    """A gated recurrence in log space."""
    a = nn.functional.logsigmoid(x).cumsum(1)
    return (a + torch.logcumsumexp(net.linear(x) - a, dim=1)).exp()


def scanned(net: Cells, x: Tensor) -> Tensor:
    """A linear recurrence by `associative_scan`."""
    pair = torch.sigmoid(net.linear(x)), net.back(x)
    return associative_scan(lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1]), pair, dim=1, combine_mode="generic")[1]


def whole_layers_over_chunks(net: Cells, x: Tensor) -> Tensor:
    """A layer called with four frames at a time, and its state handed on without a gradient."""
    state, parts = None, []
    for chunk in x.split(4, dim=1):
        y, state = net.layer(chunk, state)
        state = tuple(each.detach() for each in state)
        parts.append(net.back(y) + chunk)
    return torch.cat(parts, 1)


def chunks_assigned(net: Cells, x: Tensor) -> Tensor:
    """The same, assigned to slices of a tensor."""
    state, y = (torch.zeros(1, x.shape[0], 3), torch.zeros(1, x.shape[0], 3)), torch.zeros_like(x)
    for start in range(0, x.shape[1], 6):
        y[:, start : start + 6], state = net.layer(x[:, start : start + 6], state)
    return y


def pairs_of_frames(net: Cells, x: Tensor) -> Tensor:
    """Differences of two frames, read in all iterations but the first, and a frame of zeros from the first one."""
    steps, h, ys = torch.tanh(net.linear(x[:, 1:] - x[:, :-1])), zeros(x), []
    late = torch.cat([x[:, :1] * 0, x[:, :-1]], 1)
    for t in range(x.shape[1]):
        if t > 0:
            h = h * steps[:, t - 1]
        h = torch.tanh(net.back(h)) + x[:, t] - late[:, t]
        ys.append(h)
    return torch.stack(ys, 1)


def numbers_of_the_frame(net: Cells, x: Tensor) -> Tensor:
    """A mean of all frames, an average without its bias, a root, and a wave, from `t`."""
    total, average, ys = 0, zeros(x), []
    for t in range(x.shape[1]):
        total = total + x[:, t]
        average = 0.9 * average + (1 - 0.9) * x[:, t]
        wave = torch.tensor([math.sin(0.3 * t), math.cos(0.3 * t), 1.0])
        ys.append(total / (t + 1) + average / (1 - 0.9 ** (t + 1)) * wave + math.sqrt(t + 2))
    return torch.stack(ys, 1)


def clocks_of_the_frame(net: Cells, x: Tensor) -> Tensor:
    """Features that move every first, second and third frame, a phase that wraps around, and two numbers in turn."""
    h, ys, periods, lengths = zeros(x), [], torch.tensor([1, 2, 3]), torch.tensor([2.5, 3.5, 4.5])
    for t in range(x.shape[1]):
        moves = (t % periods == 0).float()
        phase = ((t - lengths) % lengths) / lengths
        h = moves * torch.tanh(net.back(h) + x[:, t]) + (1 - moves) * h * (1.0 if t % 2 == 0 else 0.5)
        ys.append(h * phase + torch.full((x.shape[0], 1), t) * 0.01)
    return torch.stack(ys, 1)


NATIVE = {
    zeros_like_a_frame: "RNN", zeros_of_the_first_frame: "GRU", learned_start: "LSTM", named_state: "LSTM",
    rows_assigned_by_slices: "GRU", layers_in_the_loop: "GRU", layer_frame_by_frame: "LSTM", chunks: "GRU",
    accumulated: "GRU", whole_layers_over_chunks: "LSTM", chunks_assigned: "LSTM",
}  # fmt: skip
"""Those whose cells are native recurrences."""

SCANNED = [
    one_row_more, growing_by_cat, before_the_update, two_frames_back, window_in_a_list, no_state, counted,
    running_product, log_space, scanned, numbers_of_the_frame, clocks_of_the_frame,
    pairs_of_frames,
]  # fmt: skip
