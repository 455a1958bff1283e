"""Faults of pushes, ends, resets, snapshots and pools, and of what a contract says."""

from __future__ import annotations

from injection import Injection, fault


@fault("runtime", "strided")
def known_rest_lost(injection: Injection) -> None:
    """Frames left over by a push of known size are lost."""
    injection.source(
        "_known_sizes:KnownSizes._push_known",
        "self._rest = waits",
        "self._rest = None",
    )


@fault("runtime", "strided")
def known_rest_alias(injection: Injection) -> None:
    """Frames that wait are those of the caller's array."""
    injection.source(
        "_waiting_frames:_written",
        "waits[name] = own[:ready]",
        "waits[name] = own[:ready] if held else array[skip:]",
    )


@fault("runtime", "strided")
def known_rest_in_reverse(injection: Injection) -> None:
    """Frames that wait come behind those that are pushed."""
    injection.source(
        "_waiting_frames:_written",
        "waits[name] = own[:ready]",
        "waits[name] = own[[*range(held, ready), *range(held)]]",
    )


@fault("runtime", "strided")
def known_nan_waits(injection: Injection) -> None:
    """A NaN that waits is taken."""
    injection.source("_waiting_frames:_written", "not all_finite(fresh)", "False")


@fault("runtime", "strided")
def known_counts(injection: Injection) -> None:
    """Frames that wait are not counted."""
    injection.source("_known_sizes:KnownSizes._push_known", "self._frames + count", "self._frames + count - after")


@fault("runtime", "ahead")
def finish_keeps_old(injection: Injection) -> None:
    """What is behind the last frame is what was there before."""
    injection.source("_sequence_runner:Sequence._finish", "view[self._at(slice(self._held, None))] = 0", "pass")


@fault("runtime", "lengths")
def finish_one_frame_more(injection: Injection) -> None:
    """The end of a sequence has a frame too many."""
    injection.source(
        "_sequence_runner:Sequence._call",
        "clock.valid(total) + clock.delay - clock.frames(fed)",
        "clock.valid(total) + clock.delay - clock.frames(fed) + 1",
    )


@fault("runtime", "strided")
def skip_after_reset(injection: Injection) -> None:
    """The first frames after a reset are those before frame 0."""
    injection.source("_stream_position:Standing._begin", "port.clock.delay for port", "0 for port")


@fault("runtime", "counted")
def summary_after_reset(injection: Injection) -> None:
    """A reset keeps summaries."""
    injection.source("_stream_position:Standing._begin", "array[...] = 0", "pass")


@fault("runtime", "tagger")
def snapshot_last(injection: Injection) -> None:
    """The last frame, for gaps, is not restored."""
    injection.source(
        "_stream_position:Standing.stand_at",
        "self._guard.last = {name: array.astype(self._guard.last[name].dtype) for name, array in last.items()}",
        "pass",
    )


@fault("runtime", "strided")
def gap_without_rest(injection: Injection) -> None:
    """A gap is a whole number of pieces."""
    injection.source("_sequence_runner:Sequence._fill_gap", "[rest])", "[])")


@fault("runtime", "tagger")
def hold_two_back(injection: Injection) -> None:
    """A NaN is replaced by the number before the last."""
    injection.source(
        "_input_policy:Guard._hold",
        "slice(index - 1, index)",
        "slice(max(index - 2, 0), max(index - 1, 1))",
    )


@fault("runtime", "tagger")
def pool_counts(injection: Injection) -> None:
    """Members of a call count the frames of the oldest."""
    injection.source(
        "pool._slots:Seats._call",
        "fed + next(iter(arrays.values())).shape[1]",
        "fed.max() + next(iter(arrays.values())).shape[1]",
    )


@fault("runtime", "lengths")
def cursor_end(injection: Injection) -> None:
    """One frame behind the end is taken for one of the sequence."""
    injection.source("binding:Binding.place", "(index >= 0) & (index < end)", "(index >= 0) & (index <= end)")


@fault("runtime", "summary, unrolled")
def cursor_last(injection: Injection) -> None:
    """The last frame is the one behind it."""
    injection.source("binding:Binding.place", "max(end - 1 - start, 0)", "max(end - start, 0)")


@fault("runtime", "counted, unrolled")
def cursor_start(injection: Injection) -> None:
    """Frames before the first are taken for some of the sequence."""
    injection.source(
        "binding:Binding.place",
        "cursor.clock.frames(before) - cursor.clock.delay",
        "cursor.clock.frames(before)",
    )


@fault("contract", "tagger")
def frame_rate_of_outputs(injection: Injection) -> None:
    """The frame rate is twice that which was given."""
    injection.source(
        "passes:describe",
        "frame_rate_hz=options.frame_rate_hz",
        "frame_rate_hz=options.frame_rate_hz and options.frame_rate_hz * 2",
    )


@fault("contract", "labels")
def labels_sorted(injection: Injection) -> None:
    """Labels are written in another order."""
    injection.source("passes:describe", "tuple(options.labels)", "tuple(sorted(options.labels))")


@fault("contract", "normalized")
def std_squared(injection: Injection) -> None:
    """The deviation of a normalization is its square."""
    injection.source(
        "passes:describe",
        "normalization=options.statistics",
        "normalization=options.statistics and "
        "type(options.statistics)(options.statistics.mean, tuple(s * s for s in "
        "options.statistics.std))",
    )


@fault("contract", "recurrence ahead")
def state_initial_of_warmup(injection: Injection) -> None:
    """States are warmed up for a call less."""
    injection.source("streaming._expose:_state", "initial, warmup)", "initial, max(0, warmup - 1))")


@fault("contract", "odd sizes")
def outputs_in_reverse(injection: Injection) -> None:
    """Outputs stand in reverse."""
    injection.source(
        "streaming.streamify:_walk",
        "tuple(_output_port(value, facts) for value in graph.outputs)",
        "tuple(_output_port(value, facts) for value in reversed(graph.outputs))",
    )


@fault("contract", "counted")
def summary_said_per_frame(injection: Injection) -> None:
    """A summary is said to come with every frame."""
    injection.source("streaming.streamify:_output_port", "not fact.summary, fact.clock", "True, fact.clock")


@fault("contract", "ahead")
def lookahead_of_zero(injection: Injection) -> None:
    """Outputs are said to wait for nothing."""
    injection.source(
        "streaming.streamify:_output_port",
        "fact.clock)",
        "type(fact.clock)(fact.clock.rate, 0, fact.clock.length))",
    )


@fault("contract", "odd sizes")
def dtype_of_output(injection: Injection) -> None:
    """Whole numbers are said to be float32."""
    injection.source("streaming.streamify:_output_port", "_dtype(value), ports", "'float32', ports")
