"""What there is to try: forms, precisions, frames of a call, threads, providers, optimization of the graph.

In an order that finds something good soon: what is usually best comes first, and a budget that ends early has seen it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rnnedge_runtime.cores import cores

PRECISIONS = ("float32", "float16", "bf16", "int8", "int4")
_CHUNKS = (4, 16)
_FORMS = ("native", "step", "scan")


@dataclass(frozen=True, order=True)
class Candidate:
    """One way of exporting and loading. `chunk` is of the unrolled form, else None."""

    form: str
    precision: str
    chunk: int | None = None
    provider: str = "cpu"
    threads: int = 1
    optimization: str = "all"

    @property
    def name(self) -> str:
        """Such as "step int8", or "native float32, 2 threads"."""
        words = f"{self.form}{'' if self.chunk is None else f' {self.chunk}'} {self.precision}"
        more = [self.provider] if self.provider != "cpu" else []
        more += [f"{self.threads} threads"] if self.threads > 1 else []
        more += [f"{self.optimization} optimization"] if self.optimization != "all" else []
        return ", ".join([words, *more])

    @property
    def file(self) -> tuple[str, str, int | None]:
        """What of it is written in the file; the rest is how the file is loaded."""
        return self.form, self.precision, self.chunk


def candidates(
    objective: str, precisions: Sequence[str] = PRECISIONS, providers: Sequence[str] = ("cpu",)
) -> Iterator[Candidate]:
    """All of them, each once. Frames of a call count for throughput only: for latency a frame would wait for others."""
    files: list[tuple[str, str, int | None]] = [(form, precision, None) for precision in precisions for form in _FORMS]
    if objective == "throughput":
        files += [("unrolled", precision, chunk) for precision in precisions for chunk in _CHUNKS]
    for provider in providers:
        yield from (Candidate(*file, provider=provider) for file in files)
    for optimization in ("extended", "basic"):
        yield from (Candidate(*file, optimization=optimization) for file in files)
    if cores() > 1:
        yield from (Candidate(*file, threads=min(cores(), 4)) for file in files)
