"""Measuring: every push is timed in order, percentiles are measured values, a cold start is a fresh process."""

from __future__ import annotations

import numpy as np
import pytest
from exported import Exported

from rnnedge_runtime import InputError, RnnEdgeError
from rnnedge_runtime.host import fingerprint
from rnnedge_runtime.measure import Latency, cold_start, measure_latency, percentile, side_by_side
from rnnedge_runtime.sample import sample_frames


def test_latency_times_every_push_of_one_call_s_frames(tagger: Exported) -> None:
    """One frame per push, or the chunk of a fixed-chunk file."""
    latency = measure_latency(tagger.model, pushes=50, warmup=5)
    assert latency.push_us.shape == (50,)
    assert latency.push_us.min() > 0
    assert latency.frames_per_push == (tagger.model.contract.unit)


def test_percentiles_are_measured_values() -> None:
    """p50 of 1, 2, 3, 10 is 3: half of the pushes took at most that long, and one took exactly that long."""
    latency = Latency(np.array([10.0, 1.0, 3.0, 2.0]), frames_per_push=2, frame_rate_hz=100.0)
    assert latency.percentile_us(50) == 3.0
    assert percentile(latency.push_us, 99.9) == latency.max_us == 10.0
    # 4 us per push of 2 frames, which last 20 ms.
    assert latency.real_time_factor == pytest.approx(4e-6 / 20e-3)
    assert Latency(latency.push_us, 2, None).real_time_factor is None


def test_contenders_take_turns() -> None:
    """Each gets warm-up and timed calls in every round, in the order given."""
    calls: list[str] = []
    times = side_by_side({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2, calls=3, warmup=1)
    assert "".join(calls) == "aaaabbbb" * 2
    assert {name: values.shape for name, values in times.items()} == {"a": (6,), "b": (6,)}


def test_sample_frames_are_frames_that_the_model_takes(tokens: Exported, native: Exported) -> None:
    """Random numbers for features; for tokens, values that the embedding knows."""
    for exported in (tokens, native):
        frames = sample_frames(exported.model.contract, 30)
        assert len(exported.model.run(frames)) == 30


def test_a_cold_start_is_measured_in_a_process_of_its_own(native: Exported) -> None:
    """Import, load and first push take time there, and memory, whatever this process holds."""
    held = np.ones(300 << 20, np.uint8)
    cold = cold_start(native.path)
    assert min(cold.import_ms, cold.load_ms, cold.first_push_ms) > 0
    assert cold.peak_rss_mb is not None and 10 < cold.peak_rss_mb < len(held) >> 20


def test_a_cold_start_that_fails_says_why(tmp_path) -> None:
    """The last words of the process are in the message."""
    with pytest.raises(RnnEdgeError, match="cannot be read"):
        cold_start(tmp_path / "missing.onnx")


def test_nothing_to_measure_is_an_error(native: Exported) -> None:
    """At least one push."""
    with pytest.raises(InputError, match="at least one push"):
        measure_latency(native.model, pushes=0)


def test_a_fingerprint_names_the_machine_but_not_its_owner() -> None:
    """Processor and versions; no host name, user name or path."""
    import getpass
    import socket

    facts = fingerprint()
    assert {"processor", "cores", "onnxruntime", "numpy", "python"} <= set(facts)
    words = " ".join(facts.values()).split()
    assert socket.gethostname() not in words
    assert getpass.getuser() not in words
