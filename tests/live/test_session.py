"""Numbers and times of what a stream gives, through lookahead, resampling, gaps and packets that come twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.live import Outputs, Packet, Session
from rnnedge.live.protocol import Sequence
from rnnedge.live.sound import cut, model_frames, resampled
from rnnedge_runtime import Model, load
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError


@dataclass
class Sound:
    """A source of samples in packets of awkward lengths, of which some are lost."""

    samples: Array
    samples_hz: float
    sizes: tuple[int, ...]
    begins_s: float = 1000.0
    lost: tuple[int, ...] = ()
    name: str = "sound"
    live: bool = False

    def packets(self) -> Iterator[Packet]:
        at = number = 0
        while at < len(self.samples):
            size = self.sizes[number % len(self.sizes)]
            if number not in self.lost:
                yield Packet(self.samples[at : at + size], at, self.begins_s + at / self.samples_hz)
            at, number = at + size, number + 1

    def close(self) -> None:
        pass


def joined(outputs: list[Outputs]) -> Outputs:
    """Those of one output, one after the other."""
    return Outputs(
        outputs[0].name,
        *(np.concatenate([getattr(one, f) for one in outputs]) for f in ("frames", "times_s", "values")),
    )


def heard(model: Model, source: Sound, **policies: object) -> Outputs:
    """All that a session gives of it."""
    session = Session(model, **policies)  # type: ignore[arg-type]
    found = [one for packet in model_frames(source, model.contract) for one in session.take(packet)]
    return joined(found + session.end())


@in_one_test("rate", [16000, 48000, 44100, 8000])
def test_a_click_is_stamped_with_its_own_time(smooth: Path, rate: int) -> None:
    """To the sample of the model, whatever the rate of the source, the lookahead and the lengths of the packets."""
    click_s = 0.125
    samples = np.zeros(rate // 2, np.float32)
    samples[round(click_s * rate)] = 1
    found = heard(load(smooth), Sound(samples, rate, (1, 160, 479, 1024)))
    at = int(found.values[:, 0].argmax())
    assert abs(found.times_s[at] - 1000 - click_s) < 1e-7
    assert found.frames[at] == round(click_s * 16000)


@in_one_test("lost", [(), (5,), (5, 6, 20)])
def test_a_click_after_a_gap_is_stamped_with_its_own_time(smooth: Path, lost: tuple[int, ...]) -> None:
    """The resampler begins again after a gap, and the frames of the gap are the stream's."""
    samples = np.zeros(48000, np.float32)
    samples[36000] = 1
    for gap in ("hold", "zero", "reset"):
        found = heard(load(smooth), Sound(samples, 48000, (480, 960, 479), lost=lost), gap=gap)
        at = int(found.values[:, 0].argmax())
        assert abs(found.times_s[at] - 1000.75) < 0.6 / 16000, gap
        assert found.frames[at] == 12000, gap


@in_one_test("chunks", [(128,), (480,), (1024,), (1, 7, 4000)])
def test_resampling_in_chunks_is_that_of_the_whole(chunks: tuple[int, ...]) -> None:
    """Bit for bit."""
    soxr = pytest.importorskip("soxr")
    samples = np.random.default_rng(0).standard_normal(9600).astype(np.float32)
    found = [p.frames for p in resampled(Sound(samples, 48000, chunks).packets(), 48000, 16000)]
    assert np.array_equal(np.concatenate(found), soxr.resample(samples, 48000, 16000))


def test_a_frame_of_which_a_sample_is_lost_is_lost() -> None:
    """Frames keep their place: frame k begins at sample k * size."""
    samples = np.arange(40, dtype=np.float32)
    packets = [*cut(Sound(samples, 100, (7,), lost=(1,)).packets(), 4, 100)]
    frames = {p.first + i: row for p in packets for i, row in enumerate(p.frames)}
    assert sorted(frames) == [0, 4, 5, 6, 7, 8, 9]
    assert all(np.array_equal(row, np.arange(4) + 4 * k) for k, row in frames.items())
    assert all(abs(p.time_s - 1000 - p.first * 0.04) < 1e-9 for p in packets)


def test_lost_frames_are_a_gap(gru: Model) -> None:
    """A stream that loses frames says what one says that is told of the gap."""
    x = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    session, stream = Session(gru), gru.stream(gap="hold")
    found = joined(session.take(Packet(x[:8], 100, 0.0)) + session.take(Packet(x[11:], 111, 0.11)))
    expected = np.concatenate([stream.push(x[:8]), stream.gap(3), stream.push(x[11:])])
    assert np.array_equal(found.values, expected)
    assert found.frames.tolist() == [*range(100, 120)]
    assert session.sequence.lost == 3


def test_a_source_that_begins_again_begins_a_sequence(gru: Model) -> None:
    """With the next frame, as does a gap under the policy reset."""
    x = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    again, reset = Session(gru), Session(gru, gap="reset")
    again.take(Packet(x, 50, 1.0))
    reset.take(Packet(x, 0, 1.0))
    for session, first in ((again, 0), (reset, 90)):
        found = session.take(Packet(x, first, 9.0))
        assert np.array_equal(found[-1].values, gru.stream().push(x))
        assert found[-1].frames[0] == first


def test_what_comes_twice_is_taken_once() -> None:
    """A broker may deliver again; it is behind, and not later than what came."""
    sequence = Sequence()
    packets = [(0, 4, 0.0), (4, 4, 0.4), (4, 4, 0.4), (0, 4, 0.0), (6, 4, 0.6), (12, 4, 1.2), (0, 4, 2.0)]
    placed = [sequence.place(Packet(np.zeros((n, 1)), first, at)) for first, n, at in packets]
    found = [(lost, new.first, len(new.frames)) for lost, new in placed]
    assert found == [(0, 0, 4), (0, 4, 4), (0, 8, 0), (0, 4, 0), (0, 8, 2), (2, 12, 4), (None, 0, 4)]
    assert (sequence.lost, sequence.repeated) == (2, 10)


def test_a_policy_that_does_not_exist_is_told(gru: Model) -> None:
    """In a line."""
    with pytest.raises(InputError, match="expected"):
        Session(gru, non_finite="reset")
