"""How the time axis flows through a network that was exported, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnedge_export import Report


def print_time_flow(report: Report) -> None:
    """How the time axis flows, one line for operators that leave everything as it is; then the latency in words."""
    from rnnedge.cli._output import counted, print_table, tell

    rows: list[tuple[str, ...]] = []
    for step in report.steps:
        fact = step.fact
        where = "a summary" if fact.axis is None else f"axis {fact.axis}" + (", with the batch" if fact.folded else "")
        row = (step.place, step.operator, where, str(fact.clock.rate), str(fact.clock.delay), "; ".join(step.notes))
        if rows and not step.notes and not rows[-1][5] and (rows[-1][0], *rows[-1][2:]) == (row[0], *row[2:]):
            rows[-1] = (row[0], f"{rows[-1][1]}, {row[1]}", *row[2:])
        else:
            rows.append(row)
    columns = ("module", "operators", "time", "frames per input frame", "delay", "what streaming makes of it")
    print_table("how the time axis flows", columns, rows)
    contract = report.contract
    rate = contract.frame_rate_hz
    unit = "any number of frames" if contract.hop == 1 else f"multiples of {contract.hop} frames"
    wait = counted(contract.lookahead, "frame")
    pace = ""
    if rate:
        pace = f", {1000 * contract.lookahead / rate:g} ms, and a call comes every {1000 * contract.hop / rate:g} ms"
    tell(f"A call takes {unit}; an output frame waits for {wait} of lookahead{pace}.")
