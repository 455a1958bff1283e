"""The processor: its name, the cores that this process may use, and the clock that the governor gives it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from rnnedge_runtime.host._sysfs import as_spans, fields, matches, number, spans, text


def processor(root: Path) -> str | None:
    """The processor's name; on boards whose kernel does not tell it, the board's."""
    told = fields(root / "proc/cpuinfo")
    named = told.get("model name") or told.get("Model") or text(root / "proc/device-tree/model")
    return named or (platform.processor() or None if root == Path("/") else None)


def board(root: Path) -> str | None:
    """The board, such as `Raspberry Pi 4 Model B Rev 1.4`."""
    return text(root / "proc/device-tree/model") or fields(root / "proc/cpuinfo").get("Model")


def usable_cores(root: Path) -> int | None:
    """How many processors the scheduler may give to this process: its affinity, which cpusets limit too."""
    allowed = spans(fields(root / "proc/self/status").get("Cpus_allowed_list", ""))
    return len(allowed) or (os.cpu_count() if root == Path("/") else None)


def is_virtual(root: Path) -> bool:
    """Whether the processor says that a hypervisor is below; False also where it says nothing."""
    return "hypervisor" in fields(root / "proc/cpuinfo").get("flags", "").split()


def governors(root: Path) -> dict[str, list[int]]:
    """The name of each governor in use -> the processors that it governs; empty if there is no cpufreq."""
    found: dict[str, list[int]] = {}
    for policy in _policies(root):
        governor = text(policy / "scaling_governor")
        if governor is not None:
            found.setdefault(governor, []).extend(_processors(policy))
    return found


def frequencies(root: Path) -> dict[str, list[int]]:
    """`600-1800 MHz, now 1500 MHz` -> the processors of all cpufreq policies with these limits.

    `now` is what each of them has at this moment, the lowest and the highest; what is not exposed is not there.
    """
    limits: dict[str, list[int]] = {}
    current: dict[str, list[int]] = {}
    for policy in _policies(root):
        ends = [_mhz(policy / f"scaling_{end}_freq") for end in ("min", "max")]
        span = "-".join(str(end) for end in ends if end is not None)
        limits.setdefault(span, []).extend(_processors(policy))
        now = _mhz(policy / "scaling_cur_freq")
        if now is not None:
            current.setdefault(span, []).append(now)
    found = {}
    for span, processors in limits.items():
        now_mhz = current.get(span, [])
        low_high = "-".join(str(end) for end in sorted({min(now_mhz), max(now_mhz)})) if now_mhz else ""
        parts = [f"{span} MHz" if span else "", f"now {low_high} MHz" if low_high else ""]
        if any(parts):
            found[", ".join(part for part in parts if part)] = processors
    return found


def by_processors(facts: dict[str, list[int]]) -> str | None:
    """One line: `ondemand`, or `ondemand (cpus 0-3); performance (cpus 4-7)` where they differ."""
    if len(facts) < 2:
        return next(iter(facts), None)
    return "; ".join(
        f"{fact} (cpus {as_spans(processors)})" if processors else fact for fact, processors in facts.items()
    )


def _policies(root: Path) -> list[Path]:
    return list(matches(root / "sys/devices/system/cpu/cpufreq", "policy[0-9]*"))


def _processors(policy: Path) -> list[int]:
    return spans(text(policy / "affected_cpus") or text(policy / "related_cpus") or "")


def _mhz(path: Path) -> int | None:
    khz = number(path)
    return None if khz is None else round(khz / 1000)
