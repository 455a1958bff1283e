"""Faults of values per sequence, of starts, and of what an example was taken for."""

from __future__ import annotations

from injection import Injection, fault


@fault("contract", "voice")
def context_default_lost(injection: Injection) -> None:
    """The default of a context is written as zeros."""
    injection.source("streaming._contexts:hand_on", "context.first.numpy()", "context.first.numpy() * 0")


@fault("contract", "knobs, int8")
def context_always_optional(injection: Injection) -> None:
    """A required context is written as optional."""
    injection.source(
        "streaming._contexts:hand_on",
        '"required" if context.default is None else "optional"',
        '"optional"',
    )


@fault("streaming", "voice")
def start_chosen_in_every_call(injection: Injection) -> None:
    """A recurrence starts from its context in every call."""
    injection.source("streaming._contexts:_chosen", "builder.scalar(1.0, dtype))", "builder.scalar(0.0, dtype))")


@fault("streaming", "voice")
def start_chosen_in_the_warmup_only(injection: Injection) -> None:
    """The flag that a recurrence has begun counts calls before frame 0."""
    injection.source("streaming._contexts:_chosen", "tuple(shape), 0.0, state.warmup", "tuple(shape), 0.0, 0")


@fault("precision", "knobs, int8")
def contexts_bounded_by_the_example(injection: Injection) -> None:
    """The range of a context is taken from its example."""
    injection.source("precision.bounds:bounds_of", "[state for state in states if not state.context]", "list(states)")


@fault("runtime", "voice")
def reset_forgets_a_context(injection: Injection) -> None:
    """A reset keeps the first context only."""
    injection.source(
        "state_buffers:StateBuffers.reset", "for name in self._contexts:", "for name in self._contexts[:1]:"
    )


@fault("runtime", "voice")
def context_of_first_row(injection: Injection) -> None:
    """Every sequence of a batch has the context of the first."""
    injection.source(
        "context:_checked",
        "np.broadcast_to(found, wide).copy()",
        "np.broadcast_to(found.take([0], axis=axis), wide).copy()",
    )


@fault("runtime", "voice")
def warmup_resets_contexts(injection: Injection) -> None:
    """A call of the warm-up returns contexts to what they were."""
    injection.source(
        "state_buffers:StateBuffers.hold", "state.warmup >= calls", "state.warmup >= calls or state.context"
    )


@fault("capture", "one step")
def steps_with_the_first_state(injection: Injection) -> None:
    """A module of one step begins anew with every frame."""
    injection.fresh_capture()
    injection.source(
        "capture._one_step:Stepped._sequence",
        "states = _states(result, self._states)",
        "_states(result, self._states)",
    )


@fault("capture", "one step")
def steps_with_states_turned(injection: Injection) -> None:
    """The states of a module of one step change places."""
    injection.fresh_capture()
    injection.source(
        "capture._one_step:_states",
        "[*pytree.tree_leaves([found[key] for key in keys])]",
        "[*reversed(pytree.tree_leaves([found[key] for key in keys]))]",
    )


@fault("capture", "one step")
def steps_backwards(injection: Injection) -> None:
    """A module of one step reads the frame before."""
    injection.fresh_capture()
    injection.source("capture._one_step:Stepped._sequence", "x.select(axis, t)", "x.select(axis, max(t - 1, 0))")


@fault("capture", "one step")
def start_of_the_second_sequence(injection: Injection) -> None:
    """Every stream starts from the state of the last sequence of the example."""
    injection.fresh_capture()
    injection.source(
        "capture.example:Extra.first",
        "narrow(self.axis, 0, 1)",
        "narrow(self.axis, self.value.shape[self.axis] - 1, 1)",
    )


@fault("capture", "voice")
def default_of_the_example(injection: Injection) -> None:
    """A default that was given is not taken."""
    injection.fresh_capture()
    injection.source("capture.example:Extra.first", "self.default if self.default is not None else", "")


@fault("runtime", "voice")
def calls_after_reset(injection: Injection) -> None:
    """A reset does not begin the warm-up anew."""
    injection.source("_stream_position:Standing._begin", "self._calls = 0", "pass")


@fault("runtime", "voice")
def snapshot_calls(injection: Injection) -> None:
    """A stream that is restored in its warm-up is out of it."""
    injection.source("_stream_position:Standing.stand_at", 'int(found.fields["calls"])', "self._warmup")


@fault("runtime", "voice")
def settled_at_warmup(injection: Injection) -> None:
    """A stream takes the short way one call too early."""
    injection.source(
        "_stream_position:Standing._settle",
        "self._calls >= self._warmup",
        "self._calls + 1 >= self._warmup",
    )
