"""A Python loop over time is found in what torch.export has unrolled, and computes the same at any length as a scan."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from grouped_loop_idioms import GROUPED
from loop_idioms import NATIVE, SCANNED, Cells, last_output_of_a_layer, two_frames_back
from shares import one_in, those
from torch import Tensor, nn
from torch.nn import functional

import rnnedge_export.capture._rnn_custom_ops  # noqa: F401  (registers the operators of recurrences)
from rnnedge_export.capture import read_example
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._recurrent_layers import recurrent_layers
from rnnedge_export.capture._rolled_loops import with_rolled_loops
from rnnedge_export.capture._running import running_totals_as_loops
from rnnedge_export.capture.loops import NoFrames, NotALoop, Unrolled, captured_at, roll, unrolled
from rnnedge_runtime import load


class Module(nn.Module):
    """A function of x (batch, time, 3) as a module with a weight."""

    def __init__(self, function: Callable[[nn.Linear, Tensor], Tensor | tuple[Tensor, ...]]) -> None:
        """With random weights."""
        super().__init__()
        self.linear, self.function = nn.Linear(3, 3), function

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Call the function."""
        return self.function(self.linear, x)


def stacked(linear: nn.Linear, x: Tensor) -> Tensor:
    """The usual loop."""
    h, ys = x.new_zeros(x.shape[0], 3), []
    for t in range(x.shape[1]):
        h = torch.tanh(linear(h) + x[:, t])
        ys.append(h)
    return torch.stack(ys, 1)


def joined(linear: nn.Linear, x: Tensor) -> Tensor:
    """Frames by `unbind`, outputs by `cat`, a layer in front and behind."""
    h, ys = torch.zeros(x.shape[0], 3), []
    for frame in linear(x).unbind(1):
        h = 0.5 * h + frame
        ys.append(h.unsqueeze(1))
    return linear(torch.cat(ys, 1))


def assigned(linear: nn.Linear, x: Tensor) -> Tensor:
    """Two states, and an output that is made before the loop."""
    a, b = x.new_zeros(x.shape[0], 3), x.new_zeros(x.shape[0], 3)
    y = x.new_zeros(x.shape[0], x.shape[1], 3)
    for t in range(x.shape[1]):
        a = 0.5 * a + x[:, t]
        b = torch.tanh(a) - 0.1 * b
        y[:, t] = b
    return y


def two_loops(linear: nn.Linear, x: Tensor) -> Tensor:
    """One loop behind another."""
    for _ in range(2):
        x = stacked(linear, x)
    return x


def with_while(linear: nn.Linear, x: Tensor) -> Tensor:
    """A loop by `while`."""
    h, t, ys = torch.zeros(x.shape[0], 3), 0, []
    while t < x.shape[1]:
        h = torch.relu(h + x[:, t])
        ys += [h]
        t += 1
    return torch.stack(ys).transpose(0, 1)


def from_the_first(linear: nn.Linear, x: Tensor) -> Tensor:
    """The first iteration is another one, and each reads the frame before."""
    h = x[:, 0]
    ys = [h]
    for t in range(1, x.shape[1]):
        h = 0.9 * h + x[:, t] - x[:, t - 1]
        ys.append(h)
    return torch.stack(ys, 1)


def accumulated(linear: nn.Linear, x: Tensor) -> Tensor:
    """A loop by `itertools`."""
    return torch.stack(list(accumulate(x.unbind(1), lambda h, frame: 0.5 * h + frame)), 1)


def last_only(linear: nn.Linear, x: Tensor) -> Tensor:
    """Only the state after the last frame leaves."""
    h = x.new_zeros(x.shape[0], 3)
    for t in range(x.shape[1]):
        h = torch.tanh(linear(h) + x[:, t])
    return linear(h)


def with_final(linear: nn.Linear, x: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and the last state."""
    y = stacked(linear, x)
    return y, 2 * y[:, -1]


def without_a_state(linear: nn.Linear, x: Tensor) -> Tensor:
    """An encoder of single frames, such as of pictures, and a recurrence behind it."""
    ys = []
    for t in range(x.shape[1]):
        z = nn.functional.conv1d(linear(x[:, t]).unsqueeze(1), linear.weight[:, None])
        ys.append(z.view(z.size(0), -1))
    return stacked(linear, torch.stack(ys, 0).transpose(0, 1))


LOOPS = [stacked, assigned, from_the_first, accumulated, last_only, without_a_state]
LONG = [joined, two_loops, with_while, with_final]


def rolled(module: nn.Module) -> nn.Module:
    """The module without Python loops."""

    def capture(length: int, batch: int) -> Unrolled:
        return unrolled(module, (torch.randn(2, length, 3),), (0,), batch)

    with quiet(), torch.no_grad(), recurrent_layers(), running_totals_as_loops():
        return roll(*captured_at(capture, module), 0, 1)


@pytest.mark.parametrize(
    "function",
    those(LOOPS, [*LOOPS, *LONG]),
    ids=lambda each: each.__name__,
)
def test_a_loop_is_one_scan(function: Callable[[nn.Linear, Tensor], Tensor]) -> None:
    """At another length and batch than those of the captures, the numbers are the same."""
    torch.manual_seed(0)
    module, x = Module(function), torch.randn(3, 29, 3)
    scanned = rolled(module)
    with torch.no_grad():
        expected, actual = module(x), scanned(x)
    expected, actual = ([y] if isinstance(y, Tensor) else list(y) for y in (expected, actual))
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


# Those that another one, a loop above or a cell of `rnnedge.nn` shows too.
SHOWN = ("zeros_of_the_first_frame", "layers_in_the_loop", "chunks_assigned", "accumulated", "log_space", "scanned")

IDIOMS = (*NATIVE, *SCANNED, *GROUPED, last_output_of_a_layer)


@pytest.mark.parametrize(
    "function",
    those([each for each in IDIOMS if each.__name__ not in SHOWN], IDIOMS),
    ids=lambda each: each.__name__,
)
def test_an_idiom_is_rolled(function: Callable[[Cells, Tensor], Tensor]) -> None:
    """The numbers are those of the module, and a cell of torch.nn is a native recurrence."""
    torch.manual_seed(0)
    module, x = Cells(function).eval(), torch.randn(3, 23, 3)
    scanned = rolled(module)
    with torch.no_grad():
        expected, actual = module(x), scanned(x)
    expected = [expected] if isinstance(expected, Tensor) else list(expected)
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    native = [node for node in scanned.graph.nodes if node.target is torch.ops.rnnedge.recurrence.default]
    assert bool(native) == (function not in (*SCANNED, *GROUPED))


class Differing(nn.Module):
    """Every third iteration is another one."""

    def forward(self, x: Tensor) -> Tensor:
        """Give (batch, time, 3)."""
        h, ys = x.new_zeros(x.shape[0], 3), []
        for t in range(x.shape[1]):
            h = torch.tanh(h + x[:, t]) if t % 3 else torch.sin(h - x[:, t])
            ys.append(h)
        return torch.stack(ys, 1)


def backwards(linear: nn.Linear, x: Tensor) -> Tensor:
    """From the last frame to the first."""
    h, ys = x.new_zeros(x.shape[0], 3), []
    for t in reversed(range(x.shape[1])):
        h = 0.5 * h + x[:, t]
        ys.append(h)
    return torch.stack(ys[::-1], 1)


def test_iterations_that_differ_are_named() -> None:
    """With the line of the code."""
    with pytest.raises(NotALoop, match=r"iterations \d+ and \d+ differ in test_loops\.py:\d+ `h = torch\.tanh\(h \+ x"):
        rolled(Differing())


def test_a_loop_backwards_is_none() -> None:
    """Its first value needs the last frame."""
    with pytest.raises(NotALoop, match="runs from the last frame to the first"):
        rolled(Module(backwards))


@pytest.mark.parametrize(
    "within",
    [lambda chunk: torch.softmax(chunk, 1), lambda chunk: functional.layer_norm(chunk, chunk.shape[1:])],
    ids=["softmax", "layer norm"],
)
def test_what_normalizes_within_chunks_is_not_done_to_all_frames(within: Callable[[Tensor], Tensor]) -> None:
    """It is another thing for a chunk than for the whole."""
    with pytest.raises(NotALoop):
        rolled(Module(lambda linear, x: torch.cat([within(linear(chunk)) for chunk in x.split(4, 1)], 1)))


class AsManyFeatures(nn.Module):
    """As many layers, and features, as a capture may have frames; the features are split and sliced."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.before = nn.ModuleList(nn.Linear(3, 3) for _ in range(size))
        self.wide = nn.Linear(3, size)

    def forward(self, x: Tensor) -> Tensor:
        """Give (batch, time, size)."""
        for layer in self.before:
            x = x + 0.1 * layer(x)
        first, rest = torch.tanh(self.wide(x)).split([4, self.wide.out_features - 4], -1)
        y = torch.cat([2 * rest, first], -1)
        h, ys = torch.zeros_like(y[:, 0]), []
        for t in range(x.shape[1]):
            h = 0.9 * h + torch.cat([y[:, t, 4:], y[:, t, :4]], -1)
            ys.append(h)
        return torch.stack(ys, 1)


@pytest.mark.parametrize("size", one_in(3, [9, 11, 14]))
def test_features_are_not_taken_for_frames(size: int) -> None:
    """The captures are made at other lengths."""
    torch.manual_seed(0)
    module, x = AsManyFeatures(size), torch.randn(3, 29, 3)
    with torch.no_grad():
        torch.testing.assert_close(rolled(module)(x)[0], module(x), rtol=1e-5, atol=1e-5)


class LoopsOverOthers(nn.Module):
    """Loops over features and over layers, in front of one over frames."""

    def __init__(self, features: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(3, features), nn.Linear(features, outputs)
        self.layers = nn.ModuleList(nn.Linear(features, features) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """Give (batch, time, outputs)."""
        total, totals = torch.zeros_like(x[..., 0]), []
        for feature in self.wide(x).unbind(-1):
            total = torch.tanh(total + feature)
            totals.append(total)
        y = torch.stack(totals, -1)
        for layer in self.layers:
            y = torch.tanh(layer(y))
        return torch.cumprod(self.narrow(y), 1)


def test_lengths_of_captures_are_no_sizes_of_the_network() -> None:
    """Nor one less, since the first of many may be another one."""
    torch.manual_seed(0)
    module, x = LoopsOverOthers(10, 12, 13), torch.randn(3, 29, 3)
    with torch.no_grad():
        torch.testing.assert_close(rolled(module)(x)[0], module(x), rtol=1e-5, atol=1e-5)


def test_sizes_of_weights_are_avoided_from_the_first_capture_on() -> None:
    """A network whose weights have 9 and 12 rows is captured three times, not six."""
    asked: list[int] = []
    net = Cells(two_frames_back).eval()

    def capture(length: int, batch: int) -> Unrolled:
        asked.append(length)
        return unrolled(net, (torch.randn(2, length, 3),), (0,), batch)

    with quiet(), torch.no_grad(), recurrent_layers():
        _, lengths = captured_at(capture, net)
    assert {9, 12} <= {weight.shape[0] for weight in net.parameters()}
    assert asked == [*lengths] == [11, 13, 16]


def test_an_assignment_to_other_axes_stays() -> None:
    """Its end is none in the graph."""

    def scattered(linear: nn.Linear, x: Tensor) -> Tensor:
        y = stacked(linear, x)
        return torch.slice_scatter(y, y[..., 1:] * 2, 2, 1)

    torch.manual_seed(0)
    module, x = Module(scattered), torch.randn(3, 29, 3)
    with torch.no_grad():
        torch.testing.assert_close(rolled(module)(x)[0], module(x), rtol=0, atol=1e-6)


def test_random_numbers_are_refused() -> None:
    """With the line that draws them."""

    def noisy(linear: nn.Linear, x: Tensor) -> Tensor:
        h, ys = x.new_zeros(x.shape[0], 3), []
        for t in range(x.shape[1]):
            h = linear(h) + x[:, t] + torch.randn(x.shape[0], 3)
            ys.append(h)
        return torch.stack(ys, 1)

    with pytest.raises(NotALoop, match="draws random numbers in test_loops"):
        rolled(Module(noisy))


def test_code_without_a_loop_has_no_frames() -> None:
    """So a refusal says nothing of loops."""
    with pytest.raises(NoFrames):
        rolled(Module(lambda linear, x: linear(x)))


class Viewed(nn.Module):
    """The results of a loop as rows of one matrix, and its states side by side."""

    def __init__(self) -> None:
        """With random weights."""
        super().__init__()
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Give (batch, time, 4)."""
        h, y = torch.zeros(x.shape[0], 4), torch.empty_like(x)
        for t in range(x.shape[1]):
            sides = torch.stack([h, -h]).permute(1, 2, 0).contiguous().view(x.shape[0], -1)
            h = torch.tanh(0.5 * sides[:, :4] + x[:, t])
            y[:, t] = h
        differences = (y[:, 1:] - y[:, :-1])[:, :-1].reshape(-1, 4)
        return self.norm(y.view(x.shape[0] * x.shape[1], 4)).view(x.shape)[:, 2:] + differences.view(x.shape[0], -1, 4)


def test_a_view_of_what_a_loop_gives_is_a_reshape() -> None:
    """What a scan gives lies in another order than a tensor that rows were assigned to."""
    torch.manual_seed(0)
    module, x = Viewed().eval(), torch.randn(3, 23, 4)
    example = torch.randn(2, 6, 4)
    with quiet(), torch.no_grad():
        program, _ = with_rolled_loops(module, (example,), read_example(example, 0, 1), exporting=True)
        [found] = program.module()(x)
        torch.testing.assert_close(found, module(x), rtol=1e-5, atol=1e-5)


class Recurrent(nn.Module):
    """A cell in a loop, as published networks have it."""

    def __init__(self) -> None:
        """With random weights."""
        super().__init__()
        self.cell, self.out = nn.GRUCell(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Give (batch, time, 2); the state is None at first."""
        h, ys = None, []
        for t in range(x.size(1)):
            h = self.cell(x[:, t, :], h)
            ys.append(self.out(h))
        return torch.stack(ys, dim=1)


def test_a_loop_streams(tmp_path: Path) -> None:
    """Frame by frame, as the module itself computes."""
    torch.manual_seed(0)
    module, x = Recurrent().eval(), torch.randn(1, 23, 3)
    quickly.export(module, torch.randn(1, 7, 3), tmp_path / "net.onnx")
    stream = load(tmp_path / "net.onnx").stream()
    actual = np.concatenate([stream.push(frame[None]) for frame in x[0].numpy()])
    with torch.no_grad():
        np.testing.assert_allclose(actual, module(x)[0].numpy(), rtol=0, atol=1e-5)


class Late(nn.Module):
    """A frame reaches the output two frames later: spikes of a layer are read by the next one after a step."""

    def __init__(self) -> None:
        """With random weights."""
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Give as many frames as there are."""
        h, g, ys = x.new_zeros(x.shape[0], 3), x.new_zeros(x.shape[0], 3), []
        for t in range(x.shape[1]):
            ys.append(torch.tanh(g))
            g = 0.5 * g + self.linear(h)
            h = 0.5 * h + x[:, t]
        return torch.stack(ys, 1)


def test_the_first_frames_may_stand_in_front_of_a_loop(tmp_path: Path) -> None:
    """What the first two frames give is the same for all input; sequences of fewer are none of the source's."""
    module, x = Late().eval(), torch.randn(1, 9, 3)
    quickly.export(module, x, tmp_path / "m.onnx")
    with torch.no_grad():
        expected = module(x)[0].numpy()
    np.testing.assert_allclose(load(tmp_path / "m.onnx").run(x[0].numpy()), expected, rtol=0, atol=1e-6)
