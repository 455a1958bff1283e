"""Plant every fault, one at a time, and write the table of what refuses it: `make mutants`.

Ends with 1 if more than two of a hundred pass, or if a fault plants nothing.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

from all_faults import FAULTS
from gate_run import NothingPlanted, refused_by

_MOST_THAT_PASS = 0.025


def main(page: Path, wanted: list[str]) -> int:
    """Write `page`; `wanted`: parts of names, or rooms, of the faults to plant, all by default."""
    warnings.simplefilter("ignore")
    rows, broken = {}, []
    for name, fault in FAULTS.items():
        if wanted and not any(word == fault.room or word in name for word in wanted):
            continue
        began = time.perf_counter()
        try:
            rows[name] = refused_by(fault)
        except NothingPlanted as error:
            broken.append(str(error))
            continue
        said = rows[name] or "PASSED"
        sys.stderr.write(f"{fault.room} / {name}: {said} ({time.perf_counter() - began:.1f} s)\n")
    if not wanted:
        page.write_text(table(rows))
    passed = [name for name, by in rows.items() if by is None]
    summary = f"{len(rows) - len(passed)} of {len(rows)} refused; passed: {', '.join(passed) or 'none'}"
    sys.stderr.write("\n".join([summary, *broken]) + "\n")
    return int(bool(broken) or len(passed) > _MOST_THAT_PASS * len(rows))


def table(rows: dict[str, str | None]) -> str:
    """A line for every fault: what is wrong, where, and what refuses it."""
    refused = sum(by is not None for by in rows.values())
    lines = [f"{refused} of {len(rows)} faults are refused.", "", "| fault | room | network | refused by |"]
    lines += ["|---|---|---|---|"]
    for name, by in rows.items():
        fault = FAULTS[name]
        lines.append(f"| {fault.what} | {fault.room} | {fault.network} | {by or '**passes**'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
