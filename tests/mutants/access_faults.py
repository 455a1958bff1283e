"""Faults of the runtime where callers rarely look: other orders and layouts, two streams, pools with policies."""

from __future__ import annotations

from typing import Any

from injection import Injection, fault

from rnnedge_runtime.pool._member_table import MemberTable
from rnnedge_runtime.state_buffers import StateBuffers


@fault("runtime", "recurrence ahead, unrolled")
def end_of_a_batch_of_the_first(injection: Injection) -> None:
    """At the end of a batch the frames that wait are those of its first sequence."""
    injection.source(
        "_sequence_runner:Sequence._finish",
        "= self._rest[name]",
        "= self._rest[name] if self.batch == 1 else self._rest[name][:1]",
    )


@fault("runtime", "counted")
def frames_counted_on_after_a_reset(injection: Injection) -> None:
    """A reset leaves the number of frames."""
    injection.source(
        "_stream_position:Standing._begin", "self._frames = 0", 'self._frames = getattr(self, "_frames", 0)'
    )


@fault("runtime", "tagger")
def last_frame_held_over_a_reset(injection: Injection) -> None:
    """The frame that a gap repeats is still that of the sequence before the reset."""
    injection.source("_stream_position:Standing._begin", "self._guard.reset()", "pass")


@fault("runtime", "two delays")
def waits_of_a_snapshot_in_reverse(injection: Injection) -> None:
    """A restored stream skips as many frames of the first output as were to be skipped of the last one."""
    injection.source(
        "_stream_position:Standing.stand_at",
        'zip(per_frame, map(int, found.fields["skip"]), strict=True)',
        'zip(per_frame, map(int, found.fields["skip"][::-1]), strict=True)',
    )


@fault("runtime", "tagger")
def finished_stream_restored_as_open(injection: Injection) -> None:
    """A snapshot of a finished stream goes on."""
    injection.source(
        "_stream_position:Standing.stand_at",
        'self._finished = bool(found.fields["finished"])',
        "self._finished = False",
    )


@fault("runtime", "strided")
def waiting_frames_in_halves(injection: Injection) -> None:
    """A snapshot keeps frames that wait in 16 bits."""
    injection.source(
        "_stream_position:Standing._snapshot",
        'f"rest:{name}": array for',
        'f"rest:{name}": array.astype("float16").astype(array.dtype) for',
    )


@fault("runtime", "frame numbers")
def frame_numbers_of_32_bits(injection: Injection) -> None:
    """A snapshot keeps whole numbers in 32 bits."""
    injection.source(
        "_snapshot:pack",
        "np.ascontiguousarray(a).astype(",
        'np.ascontiguousarray(a.astype("int32") if a.dtype.kind == "i" else a).astype(',
    )


@fault("runtime", "tagger")
def member_moved_when_another_leaves(injection: Injection) -> None:
    """When a member leaves, the last one gets its row, and its state stays behind."""

    def moved(original: Any, self: Any, member: Any) -> None:
        row = self._row_of.get(member)
        original(self, member)
        last = max(self._row_of, key=self._row_of.__getitem__, default=None)
        if last is not None and self._row_of[last] > row:
            self._free[self._free.index(row)] = self._row_of[last]
            self._ready[row] = self._ready[self._row_of[last]]
            self._row_of[last] = row

    injection.around(MemberTable, "leave", moved)


@fault("runtime", "tagger, unrolled")
def members_by_what_they_bring(injection: Injection) -> None:
    """Members are put together by what they bring, whatever waits of each."""
    injection.source("pool._batched_pool:BatchedPool._push_any", "member.held + _length(arrays)", "_length(arrays)")


@fault("runtime", "tagger, unrolled")
def members_do_not_count_what_waits(injection: Injection) -> None:
    """The frames of a member are counted without those that wait."""
    injection.source(
        "pool._member_table:MemberTable.frames", "int(self._seats.fed[row]) + member.held", "int(self._seats.fed[row])"
    )


@fault("runtime", "tagger")
def member_holds_the_first_frame(injection: Injection) -> None:
    """The frame that a member of a pool repeats is the first one of its last push."""
    injection.source("pool._batched_pool:BatchedPool._push_together", "batch[:, -1:]", "batch[:, :1]")


@fault("runtime", "tagger, unrolled")
def member_holds_the_first_frame_that_waits(injection: Injection) -> None:
    """The same, for members of which frames wait."""
    injection.source("pool._batched_pool:BatchedPool._push_equal", "array[-1:].copy()", "array[:1].copy()")


@fault("runtime", "tagger")
def policies_of_the_last_who_joined(injection: Injection) -> None:
    """A member has the policies of the member that joined before it."""

    def another(original: Any, self: Any, *arguments: Any, **options: Any) -> Any:
        mine = {key: options.pop(key) for key in ("gap", "non_finite") if key in options}
        options |= getattr(self, "_policies_before", {})
        self._policies_before = mine
        return original(self, *arguments, **options)

    injection.around(MemberTable, "join", another)


@fault("runtime", "two inputs")
def inputs_in_the_order_of_the_caller(injection: Injection) -> None:
    """Frames of several inputs are taken in the order in which the caller names them."""
    injection.source(
        "_known_pushes:KnownPushes.frames_of",
        "arrays = {name: frames[name] for name in self._dtypes}",
        "arrays = dict(zip(self._dtypes, frames.values(), strict=True))",
    )


@fault("runtime", "two inputs, step")
def inputs_in_the_order_of_the_caller_at_first(injection: Injection) -> None:
    """The same, on the long way of a push."""
    injection.source(
        "frames:checked_inputs",
        "given = named_inputs(frames, contract)",
        "given = dict(zip([port.name for port in ports], named_inputs(frames, contract).values(), strict=True))",
    )


@fault("runtime", "tagger")
def memory_in_its_own_order(injection: Injection) -> None:
    """Frames are read as they lie in memory, whatever their axes are."""
    injection.source(
        "stream_runner:StreamRunner.push",
        "fast.view[...] = frames",
        'fast.view[...] = frames.ravel("K").reshape(frames.shape)',
    )


@fault("runtime", "strided")
def memory_in_its_own_order_at_first(injection: Injection) -> None:
    """The same, on the long way of a push."""
    injection.source(
        "frames:checked_inputs",
        "checked(frames, ports[0], batch).copy()",
        'checked(frames, ports[0], batch).ravel("K").reshape(np.shape(frames))',
    )


@fault("runtime", "tagger")
def streams_share_their_states(injection: Injection) -> None:
    """Two streams of one model have one set of states."""
    kept: dict[object, Any] = {}

    def shared(original: Any, self: Any, engine: Any, states: Any, batch: int, given: Any) -> None:
        original(self, engine, states, batch, given)
        self.sets = kept.setdefault((id(engine), batch), self.sets)
        self._hold(engine)

    injection.around(StateBuffers, "__init__", shared)


@fault("runtime", "voice")
def context_is_told_of_the_file(injection: Injection) -> None:
    """The context that a stream says it has is that of the file."""
    injection.source("context:own_axes", "arrays[state.input] for", "initial_contexts(contract)[state.input] for")


@fault("runtime", "tagger")
def states_told_are_old(injection: Injection) -> None:
    """The states that a caller reads are those before the last call."""
    injection.source(
        "stream_runner:StreamRunner._copied_states",
        "self._states.copies(self._turn)",
        "self._states.copies(self._turn ^ 1)",
    )


@fault("runtime", "tokens")
def any_number_is_a_token(injection: Injection) -> None:
    """The last number of a push may be one that the table does not have, which is then another one."""
    injection.source("frames:within", "array.max() <= high", "array.ravel()[:-1].max(initial=0) <= high")


@fault("runtime", "two inputs")
def one_finite_input_is_enough(injection: Injection) -> None:
    """A push of known size is taken if its last input is finite."""
    injection.source(
        "_known_sizes:KnownSizes._known_call",
        "all(map(all_finite, binding.views.values()))",
        "all_finite([*binding.views.values()][-1])",
    )


@fault("runtime", "two outputs")
def run_of_the_first_output(injection: Injection) -> None:
    """`run` of a batch of one gives the second output without its batch."""
    injection.source(
        "model:Model._run", "whole[None] if single else whole", "whole[None] if single and not results else whole"
    )


@fault("runtime", "tagger, unrolled")
def chain_places_the_last_call_first(injection: Injection) -> None:
    """Of a push of several calls the outputs of the first one are written once more in the place of the last."""
    injection.source(
        "_sequence_runner:Sequence._chain",
        "found[out.port.name][self._at(slice(call * count, (call + 1) * count))] = out.view",
        "found[out.port.name][self._at(slice(call * count, (call + 1) * count))] = "
        "out.view if call < 7 else found[out.port.name][self._at(slice(0, count))]",
    )


@fault("runtime", "tagger")
def batch_of_one_state(injection: Injection) -> None:
    """States that a caller gives for a batch are those of its first sequence."""
    injection.source(
        "frames:checked_states",
        "own = cast(array, np.dtype(state.dtype), place)",
        "own = cast(array, np.dtype(state.dtype), place).take([0] * (array.shape[state.batch_axis]), state.batch_axis)",
    )


@fault("runtime", "tagger")
def pool_forgets_policies_when_reset(injection: Injection) -> None:
    """A member of a pool that is reset still repeats the frame of the sequence before."""
    injection.source(
        "pool._member_table:MemberTable._by_itself",
        '(_behind(prefix, standing.arrays) for prefix in ("rest:", "last:"))',
        '(_behind("rest:", standing.arrays), member.last or _behind("last:", standing.arrays))',
    )


@fault("runtime", "ahead")
def finished_member_is_not(injection: Injection) -> None:
    """A member of a pool that is finished takes frames."""
    injection.source("pool._member_table:MemberTable._by_itself", ' and not standing.fields["finished"]', "")
