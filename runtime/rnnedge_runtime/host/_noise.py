"""What makes timings on a host unreliable, read from its fingerprint, so that another machine's can be judged too."""

from __future__ import annotations

import re
from collections.abc import Mapping


def warnings_of(fingerprint: Mapping[str, str]) -> list[str]:
    """One line each: a governor that changes the clock, less than a core, more work than cores, throttled before."""
    found = []
    governors = [part.split(" ")[0] for part in fingerprint.get("governor", "").split("; ")]
    moving = sorted({name for name in governors if name not in ("", "performance")})
    if moving:
        found.append(
            f"governor {', '.join(moving)}: the clock follows the load; `cpupower frequency-set -g performance`"
        )
    quota = _number(fingerprint.get("cpu quota"))
    if quota is not None and quota < 1:
        found.append(
            f"cpu quota {quota:g} cores: less than one, so the kernel stops the run now and then; raise it to 1"
        )
    load, cores = _number(fingerprint.get("load")), _number(fingerprint.get("cores"))
    if load is not None and cores is not None and load > cores:
        found.append(f"load {load:g} on {cores:g} cores: others want the processor too; end them first")
    throttled = fingerprint.get("throttled")
    if throttled:
        found.append(f"throttled before this run: {throttled}; look at cooling, power supply and quota")
    return found


def _number(words: str | None) -> float | None:
    """The number with which a fact begins."""
    begin = re.match(r"\d+(\.\d+)?", words or "")
    return float(begin[0]) if begin else None
