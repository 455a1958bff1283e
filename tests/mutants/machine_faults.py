"""Faults of what stands around the kernels in C: steps, states, loops, memory."""

from __future__ import annotations

from injection import Injection, fault

from rnnedge_export.codegen import render


@fault("codegen", "odd sizes", "load")
def tail_of_a_sum(injection: Injection) -> None:
    """One number that is left over is not folded."""
    injection.source("codegen.render._reductions:_Loops._in_parts", "if whole < length:", "if whole + 1 < length:")


@fault("codegen", "odd sizes", "load")
def largest_from_zero(injection: Injection) -> None:
    """The largest of negative numbers is zero."""
    injection.source("codegen.render._reductions:_Loops.__init__", "number(first.value)", "number(0.0)")


@fault("codegen", "functions", "load")
def steps_one_input(injection: Injection) -> None:
    """The steps of a long call read one frame twice."""
    injection.text(
        render,
        "part",
        "inputs[i] = (const char *)call->inputs[i] + k * call->input_strides[i];",
        "inputs[i] = (const char *)call->inputs[i] + (k ? k - (k > 40) : 0) * call->input_strides[i];",
    )


@fault("codegen", "two inputs, step", "load")
def finite_first(injection: Injection) -> None:
    """The last number of an input may be a NaN."""
    injection.text(
        render,
        "part",
        "for (uint64_t i = 0; i < count; i++) {\n    uint32_t bits;",
        "for (uint64_t i = 0; i + 1 < count; i++) {\n    uint32_t bits;",
    )


@fault("codegen", "recurrence ahead, step", "load")
def warmup_long(injection: Injection) -> None:
    """States are held for a call too long in C."""
    injection.source("codegen.render._states:hold", "stream->calls <= {warmup}", "stream->calls < {warmup}")


@fault("codegen", "counted, step", "load")
def calls_after_write(injection: Injection) -> None:
    """States that are written are held as at the beginning."""
    injection.text(render, "filled", "stream->calls = INT32_MAX;", "stream->calls = 0;")


@fault("codegen", "long window", "load")
def ring_room(injection: Injection) -> None:
    """A ring is read one step too early."""
    injection.source(
        "codegen._ir.ring_buffers:Ring.kept_at",
        "self.room - self.length + self.fresh",
        "self.room - self.length",
    )


@fault("codegen", "long window", "load")
def ring_second_half(injection: Injection) -> None:
    """A ring is written in its first half only."""
    injection.source(
        "codegen._ir.ring_buffers:Ring.beginnings",
        "(self.room, 2 * self.room)",
        "(self.room, self.room)",
    )


@fault("codegen", "tagger, step", "load")
def plan_shares(injection: Injection) -> None:
    """A buffer is shared while it is read."""
    injection.source(
        "codegen._ir.memory_plan:_place", "until < first or last < since", "until <= first or last < since"
    )


@fault("codegen", "odd sizes", "load")
def ceil_pool(injection: Injection) -> None:
    """The mean of a pool counts its padding."""
    injection.source(
        "codegen.lower.pooling:pool",
        "inside = (at >= 0 if include else at >= before)",
        "inside = (at >= 0)",
    )


@fault("codegen", "odd sizes", "load")
def rounding_of_resize(injection: Injection) -> None:
    """Nearest upsampling takes the next number."""
    injection.source("codegen.lower.resize:_rounded", "np.floor(at) if how", "np.ceil(at) if how")
