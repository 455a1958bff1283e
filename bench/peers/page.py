"""The record as Markdown: docs/figures/peers.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.pages import VERDICT, table, us
from bench.peers.claims import ahead, claims, why
from bench.peers.record import Cell, Record
from bench.peers.roster import Contender, roster

_NAMED_CELLS = 4


def page(record: Record) -> str:
    """What was promised, who is ahead and why, who is missing and why, the tables, the machine."""
    parts = [_promises(record), _ahead(record), _missing(record)]
    for kind in dict.fromkeys(cell.case.cell for cell in record.cells):
        cells = [cell for cell in record.cells if cell.case.cell == kind]
        for title, wanted in (("float32", True), ("other precisions", False)):
            contenders = [c for c in roster() if (c.precision == "float32") == wanted and _timed(cells, c)]
            if contenders:
                parts.append(f"**{kind}, {title}: p50 / p99, µs a frame**\n\n{_table(cells, contenders)}")
    parts.append(machine_note(record))
    return "\n\n".join(part for part in parts if part)


def machine_note(record: Record) -> str:
    """What it was measured on, with what."""
    host = ", ".join(f"{name} {value}" for name, value in record.host.items())
    turns = record.turns
    core = "no core of its own" if turns.core is None else f"core {turns.core}"
    return (
        f"Measured by `make bench-peers`, one thread, {core}, {turns.rounds} rounds of at most {turns.calls} calls or "
        f"{turns.burst_ms:g} ms: {host}."
    )


def _table(cells: Sequence[Cell], contenders: Sequence[Contender]) -> str:
    sizes = [f"{cell.case.input_size},{cell.case.hidden_size}" for cell in cells]
    rows = []
    for contender in contenders:
        found = [cell.rows.get(contender.name) for cell in cells]
        figures = [f"{us(r.p50_us)} / {us(r.p99_us)}" if r and r.p50_us and r.p99_us else "" for r in found]
        errors = [row.max_error for row in found if row and row.max_error is not None]
        rows.append([contender.name, *figures, f"{max(errors):.0e}"])
    return table(["contender", *sizes, "max error"], rows)


def _promises(record: Record) -> str:
    told = "The fastest of rnnedge's float32 ways in a cell stands for it; where int8 is named, the fastest in int8."
    rows = [[c.promise, c.found, VERDICT[c.kept]] for c in claims(record)]
    return f"{told}\n\n{table(('promised', 'found', 'kept'), rows, words=3)}"


def _ahead(record: Record) -> str:
    found = ahead(record)
    if not found:
        return "In float32 nobody is ahead of rnnedge's best in any cell."
    lines = ["In float32 these are ahead of rnnedge's best:", ""]
    for contender in dict.fromkeys(entry.contender for entry in found):
        entries = [entry for entry in found if entry.contender == contender]
        most = max(entries, key=lambda entry: entry.ours_us / entry.theirs_us)
        cells = ", ".join(entry.cell for entry in entries)
        if len(entries) > _NAMED_CELLS:
            cells = f"{len(entries)} of {len(record.cells)} cells"
        lead = most.ours_us / most.theirs_us
        told = f"most {lead:.2f} times, at {most.cell}"
        figures = f"{us(most.theirs_us)} against {us(most.ours_us)} µs"
        lines.append(f"- {contender}: {cells}; {told}, {figures}. {_sentence(why(contender, lead))}.")
    return "\n".join(lines)


def _missing(record: Record) -> str:
    """Reasons, each with its contenders and its cells."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for cell in record.cells:
        for row in cell.rows.values():
            if row.skipped:
                reasons.setdefault(row.skipped, {}).setdefault(row.contender, []).append(cell.case.title)
    if not reasons:
        return ""
    return "\n".join(["Without figures:", "", *_reasons(reasons, len(record.cells))])


def _reasons(reasons: dict[str, dict[str, list[str]]], cells: int) -> Iterator[str]:
    for reason, contenders in reasons.items():
        everywhere = all(len(cases) == cells for cases in contenders.values())
        cases = dict.fromkeys(case for some in contenders.values() for case in some)
        where = "" if everywhere else f" ({'; '.join(cases)})"
        yield f"- {'; '.join(contenders)}{where}: {reason}"


def _timed(cells: Sequence[Cell], contender: Contender) -> bool:
    return any(cell.p50(contender.name) is not None for cell in cells)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
