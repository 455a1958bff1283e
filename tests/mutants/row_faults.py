"""Faults of sequences that end by themselves, of rows of a batch, of members of a pool, and of what a file says."""

from __future__ import annotations

from injection import Injection, fault


@fault("runtime", "strided")
def step_over_frames_that_wait(injection: Injection) -> None:
    """`step` goes on over frames that wait."""
    injection.source("_sequence_runner:Sequence._step_any", "if self._rest is not None:", "if False:")


@fault("runtime", "ahead")
def gap_ends_nothing(injection: Injection) -> None:
    """A gap that ends the sequence gives nothing back, and goes on."""
    injection.source(
        "_sequence_runner:Sequence._fill_gap", "return self.shaped(self._end())", "return self.shaped(self._nothing())"
    )


@fault("runtime", "ahead")
def end_without_a_beginning(injection: Injection) -> None:
    """After a gap no new sequence begins."""
    injection.source("_sequence_runner:Sequence._end", "self._begin()", "pass")


@fault("runtime", "ahead")
def nan_ends_nothing(injection: Injection) -> None:
    """A frame with a NaN is left out, and the sequence goes on."""
    injection.source(
        "_sequence_runner:Sequence._push_any", "found += [self._end(), self.take(part)]", "found += [self.take(part)]"
    )


@fault("runtime", "tagger")
def frame_before_a_nan_lost(injection: Injection) -> None:
    """The frame in front of a bad one is left out, too."""
    injection.source("_input_policy:Guard._cut", "slice(start + 1, end)", "slice(start + 1, end - 1)")


@fault("runtime", "strided")
def held_counted_once(injection: Injection) -> None:
    """Of several frames that are held one is counted."""
    injection.source("_input_policy:Guard.admit", 'self._log("held", first, count,', 'self._log("held", first, 1,')


@fault("runtime", "tagger")
def hold_of_a_first_frame(injection: Injection) -> None:
    """A bad frame that is the first one of a push is not held."""
    injection.source("_input_policy:Guard._hold", "if index else last", "if index else frame * 0")


@fault("runtime", "tagger")
def restore_first_row(injection: Injection) -> None:
    """A batch that is restored has the state of its first row in each."""
    injection.source(
        "_stream_position:Standing.stand_at",
        'found.arrays[f"state:{state.input}"] for',
        'found.arrays[f"state:{state.input}"].take([0] * self.batch, state.batch_axis) for',
    )


@fault("runtime", "tagger")
def copy_that_begins(injection: Injection) -> None:
    """A copy of a stream begins at frame 0."""
    injection.source("stream_runner:StreamRunner.copy", "other.stand_at(self._snapshot())", "pass")


@fault("runtime", "tagger")
def gap_along_the_batch(injection: Injection) -> None:
    """A gap of a batch is filled along the batch."""
    injection.source("_input_policy:Guard.fill", "axis=self._time", "axis=0")


@fault("runtime", "tagger")
def given_states_ignored(injection: Injection) -> None:
    """States that a caller gives are those of the file."""
    injection.source("frames:checked_states", "own = cast(array,", "own = cast(0 * array,")


@fault("runtime", "tagger")
def finished_streams_go_on(injection: Injection) -> None:
    """A stream that is finished takes frames."""
    injection.source("_sequence_runner:Sequence._check_open", "if self._finished:", "if False:")


@fault("runtime", "tagger")
def member_is_not_reset(injection: Injection) -> None:
    """A member of a pool that is reset stays where it was."""
    injection.source("pool._batched_pool:BatchedPool.reset", "StreamRunner.reset", "StreamRunner.snapshot")


@fault("runtime", "tagger")
def member_is_not_restored(injection: Injection) -> None:
    """A member of a pool that is restored begins anew."""
    injection.source("pool._batched_pool:BatchedPool.restore", "stream.restore(data, name)", "stream.reset()")


@fault("contract", "tagger")
def golden_of_one_frame(injection: Injection) -> None:
    """The golden sample has one frame."""
    injection.source("verification.golden:golden_of", "max(_FRAMES, 2 * unit)", "1")


@fault("contract", "tagger")
def golden_of_silence(injection: Injection) -> None:
    """The golden sample is silence."""
    injection.source(
        "verification.golden:_recorded",
        "np.random.default_rng(0))",
        "np.random.default_rng(0))\n    frames = {name: value * 0 for name, value in frames.items()}",
    )
