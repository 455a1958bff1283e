"""Faults that show at certain sizes: more members than a group has, more lengths than are kept, lengths between two."""

from __future__ import annotations

from injection import Injection, fault


@fault("runtime", "lstm")
def states_read_are_its_own(injection: Injection) -> None:
    """The states that a caller reads of a stream are those that it goes on with."""
    injection.source("state_buffers:StateBuffers.copies", "array.copy()", "array")


@fault("runtime", "two inputs")
def known_by_the_first_input(injection: Injection) -> None:
    """Of several inputs only the first one says whether frames of that shape were seen before."""
    injection.source(
        "_known_pushes:KnownPushes.frames_of",
        "tuple([array.shape for array in arrays.values()])",
        "tuple([array.shape for array in arrays.values()][:1])",
    )


@fault("runtime", "tokens")
def known_by_the_kind_of_number(injection: Injection) -> None:
    """Numbers of another size are taken where a stream takes the short way."""
    injection.source(
        "_known_pushes:KnownPushes.frames_of",
        "frames.dtype != self._dtype",
        "frames.dtype.kind != self._dtype.kind",
    )


@fault("runtime", "two inputs")
def first_of_a_push_is_held(injection: Injection) -> None:
    """The frame that a gap repeats is the first one of the last push."""
    injection.source("_input_policy:Guard.remember", "end = self._at(slice(-1, None))", "end = self._at(slice(0, 1))")


@fault("runtime", "tagger")
def members_from_the_end(injection: Injection) -> None:
    """The outputs of members are the last rows of a call that has rows to spare."""
    injection.source(
        "pool._batched_call:Group.run", "self._batched(out.view)[:count]", "self._batched(out.view)[-count:]"
    )


@fault("runtime", "tagger")
def spare_rows_in_front(injection: Injection) -> None:
    """The states of members stand behind the rows that are to spare."""
    injection.source(
        "pool._batched_call:Group.seat",
        "[rows, np.repeat(rows[:1], self.batch - len(rows))]",
        "[np.repeat(rows[:1], self.batch - len(rows)), rows]",
    )


@fault("runtime", "tagger")
def one_length_for_another(injection: Injection) -> None:
    """With more lengths of calls than are kept, the buffers of one stand for another."""
    injection.source(
        "binding:BindingCache.of",
        "self._others[frames] = binding",
        "self._others[frames] = binding if len(self._others) < 63 else next(iter(self._others.values()))",
    )


@fault("runtime", "multiples")
def made_up_to_another_length(injection: Injection) -> None:
    """A sequence that ends between two lengths that the source takes is made up by the wrong number of frames."""
    injection.source(
        "contract:Contract.whole_length", "-(frames - self.least) % self.grain", "(frames - self.least) % self.grain"
    )


@fault("runtime", "far ahead")
def call_over_the_beginning(injection: Injection) -> None:
    """A call goes on where a state has to begin."""
    injection.source("_sequence_runner:Sequence._next_frames", "held * self._unit or ready", "ready")


@fault("codegen", "exponential", "load")
def exponential_ends_early(injection: Injection) -> None:
    """e^x is infinite a little before it has to be."""
    injection.kernel("x > 88.7228394f ? INFINITE", "x > 87.0f ? INFINITE")


@fault("streaming", "two attentions")
def unseen_columns_by_shape(injection: Injection) -> None:
    """What leaves out the frames before frame 0 is shared by attention that waits differently."""
    injection.source(
        "streaming._attention:_never_seen", "key = (tuple(shape), fact.clock, back)", "key = (tuple(shape),)"
    )


@fault("streaming", "two attentions")
def unseen_columns_of_a_bias(injection: Injection) -> None:
    """Frames before frame 0 are left out by a number that loud scores outweigh."""
    injection.source("streaming._attention:_never_seen", "_NEVER", "-30.0")


@fault("streaming", "two masks, unrolled")
def end_of_another_clock(injection: Injection) -> None:
    """Two values that wait differently are told of one end of the sequence."""
    injection.source("streaming._caches:cursor", "(known.kind, known.clock) == (kind, clock)", "known.kind == kind")
