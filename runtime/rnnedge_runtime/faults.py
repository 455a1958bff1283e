"""What a stream does about faults of its source: declared when it starts, counted, and told to whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, get_args

from rnnedge_runtime.arguments import choice, function, seconds

NonFinite = Literal["reject", "hold", "zero", "reset"]
Gap = Literal["hold", "zero", "reset"]
Kind = Literal["rejected", "held", "zeroed", "reset", "gap", "stalled", "provider"]


class Event(NamedTuple):
    """Something that a stream noticed.

    `frame` is the number of the first frame concerned, `frames` how many there are; `text` says it in words.

    kind        what happened to the frames
    rejected    they hold a NaN or an infinity; the push was refused
    held        such numbers were replaced by the last finite one of their feature
    zeroed      such numbers were replaced by zero
    reset       they were left out; the sequence ended before them and another began after them
    gap         they never came, and the gap policy was applied
    stalled     the run over them took longer than the time limit and was ended
    provider    the provider failed over them; the next one took over with the states
    """

    kind: Kind
    frame: int
    frames: int
    text: str


@dataclass(frozen=True)
class Policies:
    """What `Model.stream` was asked for; see there."""

    non_finite: NonFinite = "reject"
    gap: Gap = "reset"
    on_event: Callable[[Event], None] | None = None
    time_limit_s: float | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` for a policy that does not exist, and for settings of a wrong kind."""
        choice(self.non_finite, "stream: non_finite", get_args(NonFinite))
        choice(self.gap, "stream: gap", get_args(Gap))
        function(self.on_event, "stream: on_event")
        if self.time_limit_s is not None:
            limit = seconds(self.time_limit_s, "stream: time_limit_s", above=0)
            object.__setattr__(self, "time_limit_s", limit)

    @property
    def holds(self) -> bool:
        """Whether the last frame has to be remembered."""
        return "hold" in (self.non_finite, self.gap)


# What a call does to frames, and has not done where it is undone; the others tell of what stays: that it failed, say.
_DONE_TO_FRAMES: tuple[Kind, ...] = ("held", "zeroed", "reset", "gap")


class Log:
    """Counts the frames of every kind of event, and passes events on."""

    def __init__(self, tell: Callable[[Event], None] | None) -> None:
        """Used by a stream; `tell` is the caller's own function."""
        self.counters: Counter[str] = Counter()
        self._tell = tell

    def __call__(self, kind: Kind, frame: int, frames: int, text: str) -> None:
        """Note one event."""
        self.counters[kind] += frames
        if self._tell is not None:
            self._tell(Event(kind, frame, frames, text))

    def keep(self) -> Callable[[], None]:
        """What undoes the counts of a call that begins now: it has done nothing to its frames. May be done twice."""
        return partial(self._put_back, dict(self.counters))

    def _put_back(self, counted: Mapping[str, int]) -> None:
        for kind in _DONE_TO_FRAMES:
            if kind in self.counters and not counted.get(kind):
                del self.counters[kind]
            elif kind in counted:
                self.counters[kind] = counted[kind]
