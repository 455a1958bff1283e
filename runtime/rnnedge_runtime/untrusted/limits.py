"""How much an untrusted file may ask for."""

from __future__ import annotations

from typing import NamedTuple

_MIB = 1 << 20


class Limits(NamedTuple):
    """The bounds of the careful loader; each is ten times and more what any exported network of the tests needs.

    `length_steps` are those of the length of an output; `end_calls` the calls that the end of a sequence takes, and
    `result_bytes` what they give. `arena_bytes` is shared by all files of a process that were loaded carefully.
    `seconds` are for opening the file and replaying its golden sample, together; `device_seconds` where another
    provider than the CPU has to start for it. `trial_seconds`: what the calls after it may take, in the first opening.
    """

    file_bytes: int = 64 * _MIB
    entry_bytes: int = 2 * _MIB
    fields: int = 400_000
    nodes: int = 20_000
    graphs_deep: int = 3
    dim: int = 1 << 24
    filled_elements: int = 1 << 22
    frames: int = 1 << 20
    length_steps: int = 256
    end_calls: int = 1 << 14
    buffer_bytes: int = 64 * _MIB
    result_bytes: int = 128 * _MIB
    arena_bytes: int = 128 * _MIB
    seconds: float = 1.5
    device_seconds: float = 60.0
    trial_seconds: float = 1.0


LIMITS = Limits()
