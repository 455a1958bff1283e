"""Truncated back-propagation and lanes carry the state as they say, and give every frame once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from in_one_test import in_one_test

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import SequenceData, TrainerConfig, fit
from rnnedge.training._stateful_batches import lanes, windows_per_epoch
from rnnedge.training._tbptt import batches, collate, cut
from rnnedge_runtime import InputError

CONFIG = TrainerConfig(loss="mse", epochs=1, batch_size=2, learning_rate=0.1, optimizer="sgd", schedule="constant")


def new(cell: str = "gru") -> RecurrentNetwork:
    """One feature in, one value out."""
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkConfig(cell, 1, 4, 1))


def counted(*lengths: int) -> SequenceData:
    """Every frame has a number of its own; the target is its negative."""
    starts = np.cumsum([0, *lengths])
    frames = [np.arange(s, s + n, dtype=np.float32)[:, None] for s, n in zip(starts, lengths, strict=False)]
    return SequenceData(tuple(frames), tuple(-f for f in frames))


@settings(max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=9), st.integers(1, 5), st.integers(1, 9), st.integers(0, 99))
def test_lanes_give_every_frame_once_and_in_order(lengths: list[int], count: int, k1: int, seed: int) -> None:
    """Frames of a piece follow each other in one lane; a fresh row begins a piece; the rest is padding."""
    data = counted(*lengths)
    config = replace(CONFIG, batch_size=count, k1=k1, stateful=True)
    windows = list(lanes(data, new(), config, np.random.default_rng(seed)))
    assert len(windows) == windows_per_epoch(data, config)
    seen: list[float] = []
    before = [np.nan] * count
    for window in windows:
        torch.testing.assert_close(window.y[window.real], -window.x[window.real])
        for lane in range(count):
            numbers = window.x[lane, window.real[lane], 0].tolist()
            assert bool(window.fresh[lane]) or not numbers or numbers[0] == before[lane] + 1
            assert numbers == [numbers[0] + i for i in range(len(numbers))] if numbers else True
            seen += numbers
            before[lane] = numbers[-1] if numbers else np.nan
    assert sorted(seen) == list(range(sum(lengths)))


def test_a_lane_is_not_idle_while_another_works() -> None:
    """One long sequence and some short ones: as many windows as the fair share needs, and one more for every piece."""
    config = replace(CONFIG, batch_size=4, k1=10, stateful=True)
    assert windows_per_epoch(counted(4000, 30, 50, 20), config) <= 4100 / 40 + 4


@settings(max_examples=40)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=20), st.integers(1, 4), st.integers(1, 5), st.integers(0, 9))
def test_batches_give_every_sequence_once(lengths: list[int], size: int, bucketing: int, seed: int) -> None:
    """In whatever order; cut into windows, they are whole again."""
    data = counted(*lengths)
    config = replace(CONFIG, batch_size=size, bucketing=bucketing)
    network, seen = new(), []
    for batch in batches(data, network, config, np.random.default_rng(seed)):
        seen += batch.x[batch.real].flatten().tolist()
        pieces = list(cut(batch, 3, network))
        torch.testing.assert_close(torch.cat([p.x for p in pieces], 1), batch.x)
        torch.testing.assert_close(torch.cat([p.judged for p in pieces], 1), batch.judged)
        assert [bool(p.fresh.all()) for p in pieces] == [True] + [False] * (len(pieces) - 1)
    assert sorted(seen) == list(range(sum(lengths)))


def test_bucketing_spares_padding() -> None:
    """Of sequences of very different lengths, most of what is computed is real."""
    data = counted(*np.random.default_rng(0).integers(1, 200, 128).tolist())

    def share(bucketing: int) -> float:
        config = replace(CONFIG, batch_size=8, bucketing=bucketing)
        real = [b.real.float().mean() for b in batches(data, new(), config, np.random.default_rng(0))]
        return float(np.mean(real))

    assert share(16) > 0.9 > 0.75 > share(1)


def by_hand(k1: int, k2: int, frames: int) -> RecurrentNetwork:
    """Truncated back-propagation written down step by step for one sequence, with plain torch modules."""
    network = new()
    gru, head = network.layers[0], network.head
    optimizer = torch.optim.SGD(network.parameters(), lr=CONFIG.learning_rate)
    x = torch.arange(frames, dtype=torch.float32)[None, :, None] / frames
    states = [torch.zeros(1, 1, 4)]
    for end in range(k1, frames + k1, k1):
        begin = max(0, end - k2)
        optimizer.zero_grad()
        h, state = gru(x[:, begin:end], states[begin // k1])
        judged = slice(end - k1 - begin, None)
        loss = ((head(h) + x[:, begin:end])[:, judged] ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CONFIG.clip_norm)
        optimizer.step()
        states.append(state.detach())
    return network


@in_one_test(("k1", "k2"), [(1, 1), (3, 3), (1, 4), (2, 6), (5, 20)])
@in_one_test("stateful", [False, True])
def test_truncated_back_propagation_is_that_written_by_hand(k1: int, k2: int, stateful: bool) -> None:
    """An update every k1 frames, whose gradient reaches k2 frames back, the state carried: the same weights."""
    frames = 13
    data = counted(frames)
    scaled = SequenceData((data.frames[0] / frames,), (data.targets[0] / frames,))
    network = new()
    config = replace(CONFIG, k1=k1, k2=k2, batch_size=1, stateful=stateful)
    # The weights after the epoch, whether they are better or not.
    after: list[dict[str, torch.Tensor]] = []
    fit(
        network,
        scaled,
        scaled,
        config,
        progress=lambda _: after.append({k: w.clone() for k, w in network.state_dict().items()}),
    )
    for name, expected in by_hand(k1, k2, frames).state_dict().items():
        torch.testing.assert_close(after[0][name], expected, rtol=1e-5, atol=1e-6)


def test_nothing_of_a_sequence_is_remembered_in_the_next() -> None:
    """Lanes with resets learn as if every sequence were alone: the gradient of one update is the same."""
    data = counted(4, 4)
    small = SequenceData(tuple(f / 8 for f in data.frames), tuple(t / 8 for t in data.targets))
    one, other = new(), new()
    fit(one, small, small, replace(CONFIG, batch_size=1, k1=4, stateful=True))
    fit(other, small, small, replace(CONFIG, batch_size=1, bucketing=1))
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_class_per_sequence_has_no_lanes() -> None:
    """Stateful training asks for a target per frame."""
    data = SequenceData((np.zeros((3, 1), np.float32),), (0,))
    with pytest.raises(InputError, match="sequence 0: expected a target for every frame"):
        fit(new(), data, data, TrainerConfig(k1=2, stateful=True))


def test_targets_of_another_length_are_refused() -> None:
    """The message names the sequence."""
    data = SequenceData((np.zeros((3, 1), np.float32),), (np.zeros((2, 1), np.float32),))
    with pytest.raises(InputError, match="sequence 0: expected a target for each of 3 frames"):
        collate(data, [0], new(), CONFIG)
