"""Measure a file on this very machine: latency per push, real-time factor, cold start, memory.

**Examples:**

- `rnnedge bench net.onnx`
- `rnnedge bench net.onnx --pushes 50000 --html report.html`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnedge.cli.output import JsonOption, TrustOption
from rnnedge.cli.providers import ProviderOption, ProviderOptions, provider_options

if TYPE_CHECKING:
    from rnnedge.report.bench import Bench


def command(
    file: Annotated[Path, typer.Argument(help="A file made by rnnedge export.")],
    pushes: Annotated[int, typer.Option(help="Pushes to time.", min=1)] = 5000,
    warmup: Annotated[int, typer.Option(help="Pushes before that.", min=0)] = 500,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained HTML report here.")] = None,
    provider: ProviderOption = "cpu",
    provider_option: ProviderOptions = None,
    threads: Annotated[int, typer.Option(help="Threads of one call.", min=1)] = 1,
    spinning: Annotated[bool, typer.Option("--spinning", help="Let waiting threads burn a core.")] = False,
    trust: TrustOption = None,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli.output import print_json, stages
    from rnnedge.report.bench import run_bench, write_html
    from rnnedge_runtime.atomic import check_writable

    if html is not None:
        check_writable(html)
    with stages(f"bench {file}") as progress:
        bench = run_bench(
            file,
            pushes=pushes,
            warmup=warmup,
            provider=provider,
            provider_options=provider_options(provider_option),
            threads=threads,
            spinning=spinning,
            trust=trust,
            progress=progress,
        )
        if html is not None:
            progress("draw the report")
            write_html(bench, html)
    if json:
        print_json("bench", bench.as_dict())
    else:
        _print(bench)
        if html is not None:
            print(f"report: {html}")


def _print(bench: Bench) -> None:
    from rnnedge.cli.output import print_table

    print_table(f"{bench.file}: {bench.form} form on {bench.provider}", ("figure", "value"), bench.rows())
    print_table("measured on", ("what", "value"), list(bench.host.items()))
