"""The record as Markdown: docs/figures/peers.md, and the short table of the README."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.peers.claims import ahead, claims, why
from bench.peers.record import Cell, Record
from bench.peers.roster import (
    BARE,
    EAGER,
    EAGER_CELL,
    EXECUTORCH,
    LITERT_VARIABLES,
    NUMPY,
    OPENVINO,
    PLAIN,
    TORCHSCRIPT,
    TRACT,
    Contender,
    roster,
)

_README_COLUMNS = {
    EAGER: "PyTorch layer",
    EAGER_CELL: "PyTorch cell",
    TORCHSCRIPT: "TorchScript",
    PLAIN: "plain onnxruntime",
    BARE: "bare onnxruntime",
    OPENVINO: "OpenVINO",
    EXECUTORCH: "ExecuTorch",
    LITERT_VARIABLES: "LiteRT",
    TRACT: "tract",
    NUMPY: "numpy by hand",
}
_NAMED_CELLS = 4
_VERDICT = {True: "yes", False: "**no**", None: "open"}


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
    return "\n\n".join(part for part in parts if part) + "\n"


def readme(record: Record) -> str:
    """The best float32 way of rnnedge's, and how many times as long the others take that the record has."""
    columns = {peer: title for peer, title in _README_COLUMNS.items() if any(peer in c.rows for c in record.cells)}
    header = ["one frame, float32", "rnnedge, µs", *columns.values()]
    lines = [_line(header), "|---|" + "---:|" * (len(header) - 1)]
    for cell in record.cells:
        best = cell.best_of_ours()
        if best is None or best.p50_us is None:
            continue
        ratios = [_ratio(cell.p50(peer), best.p50_us) for peer in columns]
        lines.append(_line([cell.case.title, _us(best.p50_us), *ratios]))
    behind = Counter(entry.contender for entry in ahead(record))
    told = ", ".join(f"{contender} in {count} of {len(record.cells)}" for contender, count in behind.items())
    told = f"Below 1 the other is ahead: {told}." if behind else ""
    note = f"Medians; the others as multiples of rnnedge's. {told} {machine_note(record)}"
    return "\n".join([*lines, "", " ".join(note.split())])


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
    lines = [_line(["contender", *sizes, "max error"]), "|---|" + "---:|" * (len(cells) + 1)]
    for contender in contenders:
        rows = [cell.rows.get(contender.name) for cell in cells]
        figures = [f"{_us(r.p50_us)} / {_us(r.p99_us)}" if r and r.p50_us and r.p99_us else "" for r in rows]
        errors = [row.max_error for row in rows if row and row.max_error is not None]
        lines.append(_line([contender.name, *figures, f"{max(errors):.0e}"]))
    return "\n".join(lines)


def _promises(record: Record) -> str:
    told = "The fastest of rnnedge's float32 ways in a cell stands for it; where int8 is named, the fastest in int8."
    lines = [told, "", "| promised | found | kept |", "|---|---|---|"]
    return "\n".join([*lines, *(_line([c.promise, c.found, _VERDICT[c.kept]]) for c in claims(record))])


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
        figures = f"{_us(most.theirs_us)} against {_us(most.ours_us)} µs"
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


def _ratio(theirs: float | None, ours: float) -> str:
    return "" if theirs is None else f"{theirs / ours:.2f}"


def _us(value: float | None) -> str:
    """Three digits, as many as two runs agree on."""
    return "" if value is None else f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
