"""Whether something slowed this machine down: a quota, heat, or a weak power supply."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnnedge_runtime.host import _cgroup as cgroup
from rnnedge_runtime.host._sysfs import matches, number, text

# Bits of the firmware of a Raspberry Pi: as of now, and 16 higher since it was started.
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_FIRMWARE = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")


@dataclass(frozen=True)
class Throttling:
    """Counters at one moment, None where this machine does not expose them; take one before a run and one after.

    `quota_periods` and `quota_us` count how often and how long (microseconds) a cpu quota stopped this process's
    control groups; `heat_events` how often heat slowed a core or its package down, over all of them; `firmware` is the
    word of bits in which a Raspberry Pi's firmware tells what it does.
    """

    quota_periods: int | None
    quota_us: int | None
    heat_events: int | None
    firmware: int | None

    def since(self, before: Throttling) -> tuple[str, ...]:
        """One line for each thing that slowed the machine down after `before`; none where nothing is known to have."""
        found = []
        periods = _rise(before.quota_periods, self.quota_periods)
        if periods:
            stopped_ms = (_rise(before.quota_us, self.quota_us) or 0) / 1000
            found.append(
                f"throttled: the cpu quota stopped the run in {periods} periods, for {stopped_ms:.0f} ms in all"
            )
        events = _rise(before.heat_events, self.heat_events)
        if events:
            found.append(f"throttled: heat slowed cores down, {events} events")
        if self.firmware is not None:
            earlier = before.firmware or 0
            # A bit of the past is set once and stays, so a second time is seen only while it lasts.
            during = (self.firmware | earlier | (self.firmware & ~earlier) >> 16) & 0xF
            if during:
                found.append(f"throttled: the firmware tells of {', '.join(firmware_words(during))}")
        return tuple(found)


def throttling(root: Path = Path("/")) -> Throttling:
    """The counters as they are now, in the files under `root`."""
    quota = cgroup.stopped(root)
    return Throttling(
        quota_periods=quota.periods if quota else None,
        quota_us=quota.time_us if quota else None,
        heat_events=_heat_events(root),
        firmware=_firmware(root),
    )


def firmware_words(bits: int) -> list[str]:
    """What the four lowest bits say."""
    return [word for place, word in enumerate(_FIRMWARE) if bits >> place & 1]


def _heat_events(root: Path) -> int | None:
    """As x86 kernels count them, for each core and for its package."""
    paths = matches(root / "sys/devices/system/cpu", "cpu[0-9]*/thermal_throttle/*_throttle_count")
    counts = [count for path in paths if (count := number(path)) is not None]
    return sum(counts) if counts else None


def _firmware(root: Path) -> int | None:
    for path in matches(root / "sys/devices/platform", "soc*/soc*firmware/get_throttled"):
        try:
            return int(text(path) or "", 16)
        except ValueError:
            continue
    return None


def _rise(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
