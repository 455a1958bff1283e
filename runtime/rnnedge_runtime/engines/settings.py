"""How the graph of a file is to be run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rnnedge_runtime.arguments import choice, file_path, flag, integer, mapping, shown, texts
from rnnedge_runtime.errors import InputError

OPTIMIZATIONS = ("all", "extended", "basic", "none")
# Each is a thread of the system, started at once.
_MOST_THREADS = 1024


@dataclass(frozen=True)
class Settings:
    """What `rnnedge_runtime.load` was asked for; see there."""

    provider: str | Sequence[str] = "cpu"
    provider_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    threads: int = 1
    spinning: bool = False
    flush_denormals: bool = True
    optimization: str = "all"
    key: str | os.PathLike[str] | None = None
    release: int = 0

    def __post_init__(self) -> None:
        """Raise `InputError` for an optimization that does not exist, and for settings of a wrong kind."""
        provider = self.provider if isinstance(self.provider, str) else texts(self.provider, "provider")
        options = mapping(self.provider_options, "provider_options")
        options = {name: mapping(one, f"provider_options[{name!r}]") for name, one in options.items()}
        for name, one in options.items():
            for key, value in one.items():
                if not isinstance(value, (str, int, float, os.PathLike)):
                    raise InputError(f"provider_options[{name!r}]: {key}: expected a string, found {shown(value)}")
        given = {
            "provider": provider,
            "provider_options": options,
            "threads": integer(self.threads, "threads", 0, _MOST_THREADS),
            "spinning": flag(self.spinning, "spinning"),
            "flush_denormals": flag(self.flush_denormals, "flush_denormals"),
            "optimization": choice(self.optimization, "optimization", OPTIMIZATIONS),
            "key": None if self.key is None else file_path(self.key, "key"),
            "release": integer(self.release, "release", 0),
        }
        for name, checked in given.items():
            object.__setattr__(self, name, checked)
