"""What a file promises in words: one line, rows of a table, and a page for a notebook.

Names come from files of strangers: what is no letter in them is escaped, and what is long is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, TypeAlias

Row = tuple[str, ...]

# A contract shows itself in these words: its module imports this one, so they know it by its attributes alone.
Contract: TypeAlias = Any
Port: TypeAlias = Any
State: TypeAlias = Any

# Ports that a line names before it counts them, and letters of a name.
_MOST_PORTS, _MOST_LETTERS = 4, 40
# Rows of a table in a notebook.
_MOST_ROWS = 64


def in_a_line(contract: Contract) -> str:
    """Inputs, values per sequence and outputs: "audio (time, 40); speaker (64) -> label (time/2, 12), end (64)"."""
    given = _listed([_named(state.input, map(str, state.row_shape)) for state in contract.contexts])
    return f"{_ports(contract.inputs)}{'; ' if given else ''}{given} -> {_ports(contract.outputs)}"


def counted(number: int, what: str) -> str:
    """A number of things in words: "1 frame", "2 frames"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def facts(contract: Contract) -> list[Row]:
    """What holds for the file as a whole, by name."""
    rate, golden = contract.frame_rate_hz, contract.golden
    return [
        ("form", f"{contract.form}, {contract.precision}, opset {contract.opset}"),
        ("frames per call", "any number" if contract.chunk is None else f"exactly {contract.chunk}"),
        ("frame rate", "not stated" if rate is None else f"{rate:g} Hz, {1000 / rate:g} ms per frame"),
        ("stride, lookahead", f"{contract.stride}, {contract.lookahead} frames"),
        ("labels", ", ".join(contract.labels) or "none"),
        ("normalization", normalization_words(contract)),
        ("golden sample", "none" if golden is None else f"{len(golden.inputs[contract.inputs[0].name])} frames"),
    ]


def normalization_words(contract: Contract) -> str:
    """What the graph does to its input by itself."""
    given = contract.normalization
    if given is None:
        return "none stated"
    return "int16 PCM, scaled in the graph" if given.int16_pcm else "mean and std, applied in the graph"


def port_rows(contract: Contract) -> list[Row]:
    """Kind, name, dtype, shape and meaning of every input and output."""
    ports = [*(("input", p) for p in contract.inputs), *(("output", p) for p in contract.outputs)]
    return [(kind, port.name, port.dtype, _dims(port.shape), _meaning(port, contract)) for kind, port in ports]


def state_rows(contract: Contract) -> list[Row]:
    """Names, dtype, shape and first value of every state."""
    return [(s.input, s.output, s.dtype, _dims(s.shape), _initial(s)) for s in contract.states]


def html(title: str, contract: Contract, more: Iterable[Row] = ()) -> str:
    """Tables for a notebook; every text is inert and escaped. `more`: further facts, after those of the contract."""
    return (
        f"<div><p><strong>{_cell(title)}</strong></p>"
        + html_table(("", ""), [*facts(contract), *more])
        + html_table(("", "name", "dtype", "shape", "gives"), port_rows(contract))
        + html_table(("state", "written to", "dtype", "shape", "starts from"), state_rows(contract))
        + "</div>"
    )


def html_table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """A table of text, "" if it has no rows."""
    if not rows:
        return ""
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        body += f"<tr><td colspan='{len(columns)}'>and {len(rows) - _MOST_ROWS:,} more</td></tr>"
    head = "".join(f"<th>{_cell(column)}</th>" for column in columns) if any(columns) else ""
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _inert(text: str) -> str:
    """Letters and signs as they are, everything else as Python writes it in a string."""
    return text if text.isprintable() else repr(text)[1:-1]


def _cell(text: str) -> str:
    shown = _inert(text)
    return escape(shown if len(shown) <= 10 * _MOST_LETTERS else f"{shown[: 10 * _MOST_LETTERS]}…")


def _ports(ports: Sequence[Port]) -> str:
    return _listed([_named(port.name, map(str, (*_time(port), *port.frame_shape))) for port in ports])


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_PORTS
    return ", ".join(texts[:_MOST_PORTS]) + (f" and {more} more" if more > 0 else "")


def _named(text: str, sizes: Iterable[str]) -> str:
    name = _inert(text[: _MOST_LETTERS + 1])
    short = name if len(name) <= _MOST_LETTERS else f"{name[:_MOST_LETTERS]}…"
    return f"{short} ({', '.join(sizes)})"


def _time(port: Port) -> list[str]:
    """What the frames are counted in: "time", "time/2", "3*time"; nothing for a summary."""
    over, under = port.clock.rate.numerator, port.clock.rate.denominator
    return [(f"{over}*" if over > 1 else "") + "time" + (f"/{under}" if under > 1 else "")] if port.per_frame else []


def _meaning(port: Port, contract: Contract) -> str:
    tap = next((tap for tap in contract.taps if tap.output == port.name), None)
    if tap is not None:
        return f"a tap: {tap.value.replace('_', ' ')} of {tap.layer}"
    return "frames" if port.per_frame else "a summary, at the end"


def _initial(state: State) -> str:
    if state.context:
        return "what a stream is given" if state.context == "required" else "what a stream is given, or a default"
    return f"{state.initial:g}" if isinstance(state.initial, float) else "a learned value"


def _dims(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(map(str, shape))})"
