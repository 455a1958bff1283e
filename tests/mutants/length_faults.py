"""Faults of lengths, padding, windows, totals and branches."""

from __future__ import annotations

from injection import Injection, fault


@fault("streaming", "blocks of frames")
def front_of_a_cut_lost(injection: Injection) -> None:
    """A cut in front leaves out one frame more."""
    injection.source(
        "streaming._slices:slice_",
        "starts[place], ends[place], steps[place]",
        "starts[place] + 1, ends[place], steps[place]",
    )


@fault("streaming", "lengths")
def padded_length_short(injection: Injection) -> None:
    """A computed padding does not make the sequence longer."""
    injection.source("streaming._new_length:padded_length", "+ front + int(found[end])", "+ front")


@fault("streaming", "lengths")
def padding_of_zeros(injection: Injection) -> None:
    """What is padded behind is zero."""
    injection.source(
        "streaming._padding:pad",
        "masked(node, out, fact, facts, fill)\n    if front",
        "masked(node, out, fact, facts, 0.0)\n    if front",
    )


@fault("streaming", "long start")
def front_frames_reversed(injection: Injection) -> None:
    """Frames in front stand in reverse."""
    injection.source(
        "streaming._left_padding:frames_in_front",
        "range(max(0, known - frames), known)",
        "range(known - 1, max(0, known - frames) - 1, -1)",
    )


@fault("streaming", "long start")
def front_frames_first(injection: Injection) -> None:
    """Of more frames in front the first ones are held, not the last."""
    injection.source(
        "streaming._left_padding:frames_in_front",
        "range(max(0, known - frames), known)",
        "range(min(frames, known))",
    )


@fault("streaming", "ends")
def edge_begins_late(injection: Injection) -> None:
    """The first frame repeated in front is the second one."""
    injection.source("streaming._caches:_or_first", "tuple(shape), 0.0, warmup", "tuple(shape), 0.0, warmup + 1")


@fault("streaming", "ends")
def start_learned_as_zeros(injection: Injection) -> None:
    """A learned start behind a lookahead is zeros."""
    injection.source("streaming._padding:constant_ends", "initial=start, warmup", "warmup")


@fault("streaming", "blocks of frames")
def certain_after_one_call(injection: Injection) -> None:
    """What is certain is looked at for one call only."""
    injection.source("streaming._caches:until_certain", "range(1, 65)", "range(1, 2)")


@fault("streaming", "recurrence ahead, unrolled")
def frame_0_anywhere(injection: Injection) -> None:
    """Frame 0 may stand anywhere in a call that a recurrence reads."""
    injection.source("streaming._caches:aligned", "-fact.clock.delay % count", "0")


@fault("streaming", "lengths")
def cuts_that_cross(injection: Injection) -> None:
    """A computed cut leaves one frame more out."""
    injection.source("streaming._computed_numbers:cuts", "length - max(start, end)", "length - end - 1")


@fault("streaming", "long overlap")
def overlap_of_the_call_before(injection: Injection) -> None:
    """What overlaps is of this call alone."""
    injection.source(
        "streaming._transposed:_overlap",
        "cut(node, facts, whole, axis, -over, _END)",
        "cut(node, facts, raw, axis, -over, _END)",
    )


@fault("streaming", "running")
def count_steps_by_one(injection: Injection) -> None:
    """The frame number grows by one in a call of several."""
    injection.source("streaming._cumulative:count_frames", '"Add", state, frames)', '"Add", state, builder.ints(1))')


@fault("streaming", "running")
def total_without_rest(injection: Injection) -> None:
    """A running total forgets what its roundings lose."""
    injection.source("streaming._compensated:add_to", '"Sub", last(more), kept', '"Sub", kept, kept')


@fault("streaming", "counted")
def mean_by_frames_of_the_call(injection: Injection) -> None:
    """A mean over time is over the frames of the call."""
    injection.source("streaming._pooling:pooled", "_written(facts, count, total)", "_written(facts, count, count)")


@fault("streaming", "folded")
def unfolded_steps_of_one(injection: Injection) -> None:
    """Frames of frames follow every frame."""
    injection.source("streaming._framing:_local", "np.asarray(step, np.int64)", "np.asarray(1, np.int64)")


@fault("streaming", "folded")
def fold_forgets_overlap(injection: Injection) -> None:
    """What overlaps is taken away."""
    injection.source(
        "streaming._transposed:_overlap",
        '"Add", cut(node, facts, raw, axis, 0, over), state',
        '"Sub", cut(node, facts, raw, axis, 0, over), state',
    )


@fault("streaming", "branches")
def slowest_is_fastest(injection: Injection) -> None:
    """A branch waits one frame too few."""
    injection.source(
        "streaming._caches:joined",
        "slowest - fact.clock.delay",
        "max(0, slowest - fact.clock.delay - (slowest > 2))",
    )


@fault("streaming", "branches")
def lookahead_of_a_branch(injection: Injection) -> None:
    """Branches that meet wait one frame more than they have to."""
    injection.source(
        "streaming._caches:joined",
        "slowest = max(fact.clock.delay for _, fact in streamed)",
        "slowest = max(fact.clock.delay for _, fact in streamed) + 1",
    )
