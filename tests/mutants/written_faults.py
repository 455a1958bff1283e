"""Faults of how code as people write it is read: buckets, indices, assigned padding, lengths, kernels that are cut."""

from __future__ import annotations

from injection import Injection, fault


def _source(injection: Injection, where: str, old: str, new: str) -> None:
    injection.fresh_capture()
    injection.source(where, old, new)


@fault("capture", "places")
def buckets_of_the_other_side(injection: Injection) -> None:
    """A number on an edge is in the bucket behind it."""
    _source(injection, "capture._sorted_places:_bucketize", "if right else", "if not right else")


@fault("capture", "places")
def buckets_of_64_bits(injection: Injection) -> None:
    """Buckets that are asked for in 32 bits have 64."""
    _source(
        injection,
        "capture._sorted_places:_bucketize",
        "ir.DataType.INT32 if out_int32 else",
        "ir.DataType.INT64 if out_int32 else",
    )


@fault("capture", "places")
def buckets_of_equal_edges(injection: Injection) -> None:
    """Of several edges that a number has passed one is counted."""
    _source(injection, "capture._sorted_places:_bucketize", "op.ReduceSum(passed", "op.ReduceMax(passed")


@fault("capture", "places")
def index_along_the_axis_before(injection: Injection) -> None:
    """Places are taken along another axis."""
    _source(injection, "capture._indexing:_index", "places[0][1], axis=first", "places[0][1], axis=max(1, first - 1)")


@fault("capture", "assigned")
def assigned_of_zeros(injection: Injection) -> None:
    """Padding that was assigned to is of zeros."""
    _source(injection, "capture._filled_in:_pad", "(x, pads, number)", "(x, pads, 0.0)")


@fault("capture", "assigned")
def assigned_a_frame_later(injection: Injection) -> None:
    """What is assigned in the middle stands a frame further on."""
    _source(
        injection,
        "capture._filled_in:_pad",
        "call_function(operator.sub, (total, end))",
        "call_function(operator.sub, (total, end)); start = start + (start == 1)",
    )


@fault("capture", "assigned")
def filled_with_the_first_number(injection: Injection) -> None:
    """The number of `full` is taken for one."""
    _source(
        injection,
        "capture._filled_in:_filled",
        "number = made if number is None else number",
        "number = 1.0 if number is None else number",
    )


@fault("capture", "rounded up")
def lengths_rounded_towards_zero(injection: Injection) -> None:
    """A division of a negative length goes towards 0."""
    _source(injection, "capture._floors:_is_negative", "value.node.hint < 0", "value.node.hint < -(1 << 40)")


@fault("capture", "rounded up")
def rest_of_lengths_added(injection: Injection) -> None:
    """The rest of a division of a negative length is added."""
    _source(injection, "capture._floors:with_floors", "operator.sub, n, rest", "operator.add, n, rest")


@fault("streaming", "cut kernels")
def a_tap_too_many_cut(injection: Injection) -> None:
    """The last tap that is not zero is cut, too."""
    injection.source("streaming._zero_taps:without_zero_taps", "int(taps[-1]) + 1 if", "int(taps[-1]) if")


@fault("streaming", "cut kernels")
def taps_cut_without_dilation(injection: Injection) -> None:
    """Padding behind a dilated kernel is cut by taps, not frames."""
    injection.source("streaming._zero_taps:without_zero_taps", "- count) * dilations[axis]", "- count)")


@fault("streaming", "cut strides")
def frames_left_in(injection: Injection) -> None:
    """Taps that are cut leave a window more at the end."""
    injection.source(
        "streaming._zero_taps:without_zero_taps",
        "max(0, -frames) for frames in behind",
        "max(0, -frames - 1) for frames in behind",
    )


@fault("streaming", "cut strides")
def frames_left_out_in_front(injection: Injection) -> None:
    """Taps that are cut leave out the first frames, not the last ones."""
    injection.source(
        "streaming._zero_taps:_leave_out",
        "builder.ints(*(0 for _ in cut)), builder.ints(*(-count for _, count in cut)),",
        "builder.ints(*(count for _, count in cut)), builder.ints(*(1 << 40 for _ in cut)),",
    )


@fault("streaming", "cut kernels")
def zero_taps_waited_for(injection: Injection) -> None:
    """A kernel waits for frames that its zeros are multiplied with."""
    injection.source(
        "streaming._zero_taps:without_zero_taps", "int(taps[-1]) + 1 if len(taps) else 1", "kernel.shape[axis + 2]"
    )


@fault("streaming", "cut kernels")
def kernel_turned_when_cut(injection: Injection) -> None:
    """A kernel that is cut is turned round."""
    injection.source("streaming._zero_taps:without_zero_taps", "take(range(count),", "take(range(count)[::-1],")
