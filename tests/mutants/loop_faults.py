"""Faults of Python loops over time, rolled back, and of what runs along them."""

from __future__ import annotations

from injection import Injection, fault


@fault("capture", "cells in a loop")
def cell_state_from_h(injection: Injection) -> None:
    """The first cell state of a rolled LSTM is its h."""
    injection.fresh_capture()
    injection.source("capture.loops._native:native_cell", "states[0], states[-1]", "states[0], states[0]")


@fault("capture", "cells in a loop")
def recurrent_bias_of_a_loop_lost(injection: Injection) -> None:
    """A rolled cell has its input bias twice."""
    injection.fresh_capture()
    injection.source(
        "capture.loops._native:native_cell",
        "cat.default, ([b_w, b_r], 0)",
        "cat.default, ([b_w, b_w], 0)",
    )


@fault("capture", "cells in a loop")
def gates_of_a_loop_in_torch_order(injection: Injection) -> None:
    """The gates of a rolled cell stay in PyTorch's order."""
    injection.fresh_capture()
    injection.source("capture.loops._native:_in_order", "for i in order]", "for i in sorted(order)]")


@fault("capture", "cells in a loop")
def last_of_a_loop_is_its_first(injection: Injection) -> None:
    """After a loop the first state stands for every one."""
    injection.fresh_capture()
    injection.source("capture.loops._lifting:Lifting.final", "finals[index]", "finals[0]")


@fault("capture", "loop by hand")
def first_iteration_never(injection: Injection) -> None:
    """The special first iteration stands for all later ones."""
    injection.fresh_capture()
    injection.source("capture.loops._body:_Writer.chosen", "(whether, after, first)", "(whether, first, after)")


@fault("capture", "constants in a loop")
def constants_alike_by_shape(injection: Injection) -> None:
    """Constants of one shape are taken for the same."""
    injection.fresh_capture()
    injection.source("capture.loops._unrolled:_share_constants", "constant.shape, values)", "constant.shape)")


@fault("capture", "running")
def product_from_zero(injection: Injection) -> None:
    """A running product starts from zero."""
    injection.fresh_capture()
    injection.source("capture._running:_product", "torch.ones_like", "torch.zeros_like")


@fault("capture", "running")
def extreme_of_first(injection: Injection) -> None:
    """A running extreme forgets all but two frames."""
    injection.fresh_capture()
    injection.source("capture._running:_from_the_first", "y = step(y, frame)", "y = step(frames[0], frame)")
