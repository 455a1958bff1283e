"""One benchmark of one file: measured, as rows, as JSON data, as a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rnnedge_runtime.host import fingerprint
from rnnedge_runtime.measure import PERCENTILES, ColdStart, Latency, cold_start, measure_latency
from rnnedge_runtime.model import load


@dataclass(frozen=True)
class Bench:
    """What `rnnedge bench` found."""

    file: str
    digest: str
    form: str
    provider: str
    threads: int
    spinning: bool
    size_bytes: int
    latency: Latency
    cold: ColdStart
    host: dict[str, str]

    def rows(self) -> list[tuple[str, str]]:
        """The figures as (name, value with unit)."""
        latency, cold = self.latency, self.cold
        per = "frame" if latency.frames_per_push == 1 else f"push of {latency.frames_per_push} frames"
        rows = [(f"p{p:g} per {per}", f"{latency.percentile_us(p):.2f} us") for p in PERCENTILES]
        rows.append((f"max per {per}", f"{latency.max_us:.2f} us"))
        if latency.real_time_factor is not None:
            rows.append(("real-time factor", f"{latency.real_time_factor:.6f}"))
        rows += [
            ("cold start: import", f"{cold.import_ms:.1f} ms"),
            ("cold start: load", f"{cold.load_ms:.1f} ms"),
            ("cold start: first push", f"{cold.first_push_ms:.2f} ms"),
        ]
        if cold.peak_rss_mb is not None:
            rows.append(("peak memory", f"{cold.peak_rss_mb:.1f} MB"))
        return [*rows, ("pushes timed", f"{len(latency.push_us):,}"), ("file", f"{self.size_bytes:,} bytes")]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        fields = {k: v for k, v in vars(self).items() if k not in ("latency", "cold")}
        return {**fields, "latency": self.latency.summary(), "cold_start": asdict(self.cold)}


def run_bench(
    file: str | os.PathLike[str],
    *,
    pushes: int,
    warmup: int,
    provider: str = "cpu",
    provider_options: Mapping[str, Mapping[str, str]] | None = None,
    threads: int = 1,
    spinning: bool = False,
    trust: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Bench:
    """Measure `file`; raises what `load` raises."""
    say = progress or (lambda _: None)
    model = load(
        file,
        provider=provider,
        provider_options=provider_options,
        threads=threads,
        spinning=spinning,
        trust=trust,
    )
    say("latency")
    latency = measure_latency(model, pushes, warmup)
    say("cold start")
    cold = cold_start(file, model.provider, trust)
    contract = model.contract
    return Bench(
        os.fspath(file), model.digest, contract.form, model.provider, threads, spinning, Path(file).stat().st_size,
        latency, cold, fingerprint(),
    )  # fmt: skip


def write_html(bench: Bench, path: str | os.PathLike[str]) -> Path:
    """Draw the report; raises `MissingExtra` where matplotlib or jinja2 is missing."""
    from rnnedge.report.page import render
    from rnnedge.report.plots import latency_histogram, latency_over_time
    from rnnedge_runtime.atomic import write_text

    series = {bench.form: bench.latency.push_us}
    return write_text(
        path,
        render(
            "bench.html.j2",
            bench=bench,
            histogram=latency_histogram(series, "push"),
            over_time=latency_over_time(bench.latency.push_us),
        ),
    )
