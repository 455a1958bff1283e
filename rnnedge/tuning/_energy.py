"""Energy of the processor package, where the host exposes it.

Source: Linux, Documentation/power/powercap: energy_uj counts microjoules and starts again at max_energy_range_uj.
"""

from __future__ import annotations

from pathlib import Path

from rnnedge_runtime.errors import InputError

_ZONE = Path("sys/class/powercap/intel-rapl:0")


class Meter:
    """The counter of the first package."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Raise `InputError` where this host does not expose it."""
        self._zone = root / _ZONE
        try:
            self._range = int((self._zone / "max_energy_range_uj").read_text())
            self.read()
        except (OSError, ValueError) as error:
            raise InputError(
                f"objective energy: expected the energy counter {self._zone}, found none that can be read; choose "
                "latency, throughput or size"
            ) from error

    def read(self) -> int:
        """Microjoules so far."""
        return int((self._zone / "energy_uj").read_text())

    def since(self, before: int) -> float:
        """Joules since `before`; the counter may have started again once."""
        return ((self.read() - before) % self._range) / 1e6
