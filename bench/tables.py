"""Tables in Markdown, and where they go: a page of the docs, and between two marks of the README."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.one_frame import Result
from rnnedge_runtime.atomic import write_text

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "figures" / "latency.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def publish(results: Sequence[Result], host: dict[str, str]) -> None:
    """Write the docs' page of figures and the README's table."""
    machine = ", ".join(f"{name} {host[name]}" for name in ("processor", "cores", "python", "onnxruntime"))
    note = f"Measured by `make bench`, batch 1, float32, one thread, all contenders in turns: {machine}."
    write_text(PAGE, "\n\n".join([*(_full(result) for result in results), note]) + "\n")
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    write_text(README, f"{before}{BEGIN}\n{_short(results)}\n\n{note}\n{END}{after}")


def _full(result: Result) -> str:
    lines = [
        f"**{result.case.title}**\n",
        "| contender | median, µs per frame | p99, µs | ratio to the plain export |",
        "|---|---:|---:|---:|",
    ]
    lines += [f"| {n} | {median:.1f} | {tail:.1f} | {ratio:.2f} |" for n, median, tail, ratio in result.rows()]
    return "\n".join(lines)


def _short(results: Sequence[Result]) -> str:
    """One line per contender, one column per case: medians."""
    header = "| median, µs per frame | " + " | ".join(result.case.title for result in results) + " |"
    lines = [header, "|---|" + "---:|" * len(results)]
    for name in results[0].call_us:
        lines.append(f"| {name} | " + " | ".join(f"{result.median_us(name):.1f}" for result in results) + " |")
    return "\n".join(lines)
