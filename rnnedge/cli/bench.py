"""Measure a file on this very machine: will it meet its deadline?

In several fresh processes: a cold start, pushes as fast as they go, and pushes at the pace of real input, where latency
counts from the planned arrival of a frame, so that a stall is not hidden. `compare` sets reports beside each other.

**Examples:**

- `rnnedge bench net.onnx`
- `rnnedge bench net.onnx --rate 100 --deadline 10 --seconds 60 --html report.html`
- `rnnedge bench net.onnx --fail-on 'p99<2ms,miss<0.1%'`   (exit code 5 where one is not kept)
- `rnnedge bench net.onnx --streams`
- `rnnedge bench net.onnx --baseline mypackage.net:build`
- `rnnedge bench net.onnx --on ssh://pi@raspberrypi --remote-python venv/bin/python --html pi.html`
- `rnnedge bench net.onnx --json > new.json && rnnedge bench compare old.json new.json --html compare.html`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnedge.cli.output import JsonOption, TrustOption
from rnnedge.cli.providers import ProviderOption, ProviderOptions, provider_options
from rnnedge.cli.remote import OnOption, RemotePythonOption, SshOptions, bench_there

if TYPE_CHECKING:
    from collections.abc import Mapping


def command(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE | compare OLD NEW...", help="A file made by rnnedge export, or reports."),
    ],
    rate: Annotated[
        float | None, typer.Option(help="Frames per second that arrive; by default the file's own.")
    ] = None,
    deadline: Annotated[float | None, typer.Option(help="Milliseconds from arrival; by default one period.")] = None,
    seconds: Annotated[float, typer.Option(help="Paced time of each process; 0 leaves it out.", min=0.0)] = 3.0,
    pushes: Annotated[int, typer.Option(help="Pushes of each process as fast as they go.", min=1)] = 3000,
    processes: Annotated[int, typer.Option(help="Fresh processes.", min=1)] = 3,
    streams: Annotated[bool, typer.Option("--streams", help="Find how many paced streams are held.")] = False,
    fail_on: Annotated[str | None, typer.Option(help="Budgets: 'p99<2ms,miss<0.1%,rss<80MB'.")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="A SOURCE to time beside it: PyTorch, TorchScript, a plain export.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained HTML report here.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table of Markdown.")] = False,
    provider: ProviderOption = "cpu",
    provider_option: ProviderOptions = None,
    threads: Annotated[int, typer.Option(help="Threads of one call.", min=1)] = 1,
    spinning: Annotated[bool, typer.Option("--spinning", help="Let waiting threads burn a core.")] = False,
    trust: TrustOption = None,
    on: OnOption = None,
    remote_python: RemotePythonOption = "python3",
    ssh_option: SshOptions = None,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli.output import stages
    from rnnedge_runtime.atomic import check_writable
    from rnnedge_runtime.measure.budget import parse

    if html is not None:
        check_writable(html)
    if files[0] == "compare":
        _compare(files[1:], html, json)
        return
    if len(files) > 1:
        raise typer.BadParameter(f"expected one file, found {len(files)}; reports are compared by 'bench compare'")
    budgets = parse(fail_on) if fail_on else []
    if on is not None:
        report = bench_there(context, on, files[0])
        _show(report, html, markdown, json)
        _judge(report, budgets)
        return
    from rnnedge.report.bench import run_bench
    from rnnedge_runtime.measure.processes import Settings

    settings = Settings(provider, provider_options(provider_option), threads, spinning, trust, pushes, seconds, rate,
                        None if deadline is None else 1000 * deadline)  # fmt: skip
    with stages(f"bench {files[0]}") as progress:
        bench = run_bench(files[0], settings, processes=processes, streams=streams, progress=progress)
        report = bench.as_dict()
        if baseline is not None:
            from rnnedge.baseline import measure_baseline

            progress("baseline")
            report["baseline"] = measure_baseline(bench.model, baseline)
    _show(report, html, markdown, json)
    _judge(report, budgets)


def _show(report: Mapping[str, Any], html: Path | None, markdown: bool, json: bool) -> None:
    from rnnedge.cli.output import print_json, say
    from rnnedge.report.bench import SCHEMA_VERSION

    if html is not None:
        from rnnedge.report.bench_page import write_page

        write_page(report, html)
    if json:
        fields = {key: value for key, value in report.items() if not key.startswith("schema")}
        print_json("bench", fields, SCHEMA_VERSION)
    elif markdown:
        from rnnedge.report.figures import markdown as as_markdown

        print(as_markdown(report))
    else:
        _print(report)
    for reason in report["unrest"]:
        say(f"rnnedge: warning: not stable: {reason}; close other programs, or measure for longer")
    if html is not None:
        say(f"report: {html}")


def _print(report: Mapping[str, Any]) -> None:
    from rnnedge.cli.output import print_table
    from rnnedge.report.figures import rows

    title = f"{report['file']}: {report['form']} form in {report['precision']} on {report['provider']}"
    print_table(title, ("figure", "value"), rows(report))
    if report["baseline"]:
        beside = [
            (row["name"], f"{row['p50_us']:.1f} us", f"{row['p99_us']:.1f} us", f"{row['times']:.2f}")
            for row in report["baseline"]
        ]
        print_table("beside what one would do otherwise", ("contender", "p50", "p99", "times as long"), beside)
    print_table("measured on", ("what", "value"), list(report["host"].items()))


def _judge(report: Mapping[str, Any], budgets: list[Any]) -> None:
    from rnnedge.report.figures import budget_figures
    from rnnedge_runtime.errors import BudgetMissed
    from rnnedge_runtime.measure.budget import missed

    lines = missed(budgets, budget_figures(report)) if budgets else []
    if lines:
        raise BudgetMissed(f"{report['file']}: {'; '.join(lines)}")


def _compare(paths: list[str], html: Path | None, json: bool) -> None:
    from rnnedge.cli.output import print_json, print_table, say
    from rnnedge.report.compare import compare, read_report, remarks

    if len(paths) < 2:
        raise typer.BadParameter(f"compare: expected two reports or more, found {len(paths)}")
    reports = [read_report(path) for path in paths]
    found = {path: compare(reports[0], report) for path, report in zip(paths[1:], reports[1:], strict=True)}
    for path, report in zip(paths[1:], reports[1:], strict=True):
        for line in remarks(reports[0], report):
            say(f"rnnedge: note: {paths[0]} and {path}: {line}")
    if html is not None:
        from rnnedge.report.bench_page import write_comparison

        write_comparison(reports, [Path(path).stem for path in paths], html)
        say(f"report: {html}")
    if json:
        pairs = {
            path: [{**vars(d), "change": d.change, "verdict": d.verdict} for d in differences]
            for path, differences in found.items()
        }
        print_json("bench-compare", {"old": paths[0], "new": pairs})
        return
    for path, differences in found.items():
        rows = [
            (d.figure, f"{d.old:.2f}", f"{d.new:.2f}", f"{d.change:+.1%}", f"±{d.noise:.1%}", d.verdict)
            for d in differences
        ]
        columns = ("figure", paths[0], path, "change", "noise", "verdict")
        print_table(f"{path} against {paths[0]} (us, MB)", columns, rows)
