"""Measure a file on this very machine: will it meet its deadline?

In several fresh processes: a cold start, pushes as fast as they go, and pushes at the pace of real input, where latency
counts from the planned arrival of a frame, so that a stall is not hidden. `compare` sets reports side by side.

**Examples:**

- `rnnedge bench net.onnx`
- `rnnedge bench net.onnx --rate 100 --deadline 10 --seconds 60 --html report.html`
- `rnnedge bench net.onnx --fail-on 'p99<2ms,miss<0.1%'` ends with exit code 5 where one is not kept
- `rnnedge bench net.onnx --streams`
- `rnnedge bench net.onnx --baseline mypackage.net:build`
- `rnnedge bench net.onnx --on ssh://pi@raspberrypi --remote-python venv/bin/python --html pi.html`
- `rnnedge bench net.onnx --json > new.json && rnnedge bench compare old.json new.json --html compare.html`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnedge.cli._model_file import checked_file
from rnnedge.cli._opening import Device, Opening, with_fields
from rnnedge.cli._options import file_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._remote import OnOption, RemotePythonOption, SshOptions, bench_there

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rnnedge_runtime.measure.budget import Budget

# Options that `compare` takes too.
_OF_COMPARE = frozenset({"html", "markdown", "json"})


def _finite(value: float | None) -> float | None:
    # Written so that NaN is none.
    if value is not None and not 0 <= value < 1e9:
        raise typer.BadParameter(f"expected a number from 0 to a billion, found {value}")
    return value


def _positive(value: float | None) -> float | None:
    if value == 0:
        raise typer.BadParameter("expected a number above 0, found 0")
    return _finite(value)


@with_fields
def command(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE | compare OLD NEW...", help="A file made by rnnedge export, or reports."),
    ],
    rate: Annotated[
        float | None,
        typer.Option(callback=_positive, help="Frames per second that arrive; by default the file's own."),
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(callback=_positive, help="Milliseconds from arrival; by default one period.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(callback=_finite, help="Paced time of each process; 0 leaves it out.")
    ] = 3.0,
    pushes: Annotated[int, typer.Option(help="Pushes of each process as fast as they go.", min=1)] = 3000,
    processes: Annotated[int, typer.Option(help="Fresh processes.", min=1)] = 3,
    streams: Annotated[bool, typer.Option("--streams", help="Find how many paced streams are held.")] = False,
    fail_on: Annotated[
        str | None, typer.Option(metavar="BUDGETS", help="Such as 'p99<2ms,miss<0.1%'; where missed, exit code 5.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="What to compare it with: PyTorch, TorchScript, a plain export."),
    ] = None,
    html: Annotated[Path | None, file_option(help="Write a self-contained HTML report here.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print tables of Markdown.")] = False,
    *,
    device: Device,
    spinning: Annotated[bool, typer.Option("--spinning", help="Let waiting threads burn a core.")] = False,
    opening: Opening,
    on: OnOption = None,
    remote_python: RemotePythonOption = "python3",
    ssh_option: SshOptions = None,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import stages

    if html is not None:
        from rnnedge.cli._outputs import check_outputs
        from rnnedge.report.page import check_drawable

        check_drawable()
        check_outputs({"--html": html}, [*files, opening.key])
    if files[0] == "compare":
        _refuse_others(context)
        _compare(files[1:], html, markdown, json)
        return
    if len(files) > 1:
        raise typer.BadParameter(f"expected one file, found {len(files)}; reports are compared by 'bench compare'")
    checked_file(Path(files[0]))
    budgets = _budgets(fail_on, seconds, streams)
    if on is not None:
        report = bench_there(context, on, files[0])
    else:
        from functools import partial

        from rnnedge.report.bench import run_bench
        from rnnedge_runtime.measure.processes import Settings

        beside = None
        if baseline is not None:
            from rnnedge.baselines.measure import measure_baseline

            beside = partial(measure_baseline, source=baseline)
        settings = Settings(
            pushes=pushes,
            seconds=seconds,
            rate_hz=rate,
            deadline_us=None if deadline is None else 1000 * deadline,
            spinning=spinning,
            **device.asked,
            **{**vars(opening), "key": None if opening.key is None else str(opening.key.absolute())},
        )
        with stages(f"bench {files[0]}") as progress:
            report = run_bench(files[0], settings, processes=processes, streams=streams, baseline=beside,
                               progress=progress).as_dict()  # fmt: skip
    _show(report, html, markdown, json)
    _judge(report, budgets)


def _refuse_others(context: typer.Context) -> None:
    """An option that `compare` would not heed is a mistake of whoever gave it."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.param_type_name == "option" and parameter.name not in _OF_COMPARE:
            raise typer.BadParameter(f"bench compare measures nothing and takes no {parameter.opts[0]}")


def _budgets(text: str | None, seconds: float, streams: bool) -> list[Budget]:
    if text is None:
        return []
    from rnnedge_runtime.errors import InputError
    from rnnedge_runtime.measure.budget import check, parse

    try:
        budgets = parse(text)
        check(budgets, seconds=seconds, streams=streams)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="--fail-on") from error
    return budgets


def _show(report: Mapping[str, Any], html: Path | None, markdown: bool, json: bool) -> None:
    from rnnedge.cli._output import print_json, say, write
    from rnnedge.report.bench import SCHEMA_VERSION

    if json:
        fields = {key: value for key, value in report.items() if not key.startswith("schema")}
        print_json("bench", fields, SCHEMA_VERSION)
    elif markdown:
        from rnnedge.report.figures import markdown as as_markdown

        write(as_markdown(report) + "\n")
    else:
        _print(report)
    for reason in report["unrest"]:
        say(f"rnnedge: warning: not stable: {reason}")
    if html is not None:
        from rnnedge.report.bench_page import write_page

        write_page(report, html)
        say(f"report: {html}")


def _print(report: Mapping[str, Any]) -> None:
    from rnnedge.cli._output import print_table
    from rnnedge.report.figures import baseline_table, latency_table, other_table, title

    print_table(title(report), *latency_table(report))
    print_table("", *other_table(report))
    if report["baseline"]:
        print_table("", *baseline_table(report))
    print_table("", ("measured on", ""), list(report["host"].items()))


def _judge(report: Mapping[str, Any], budgets: list[Budget]) -> None:
    from rnnedge.report.figures import budget_figures
    from rnnedge_runtime.errors import BudgetMissed
    from rnnedge_runtime.measure.budget import missed

    lines = missed(budgets, budget_figures(report)) if budgets else []
    if lines:
        raise BudgetMissed(f"{report['file']}: {'; '.join(lines)}")


def _compare(paths: list[str], html: Path | None, markdown: bool, json: bool) -> None:
    from rnnedge.cli._output import print_json, print_table, say, write
    from rnnedge.report.compare import compare, difference_table, remarks
    from rnnedge.report.figures import markdown_table
    from rnnedge.report.read import read_report

    if len(paths) < 2:
        raise typer.BadParameter(f"compare: expected two reports or more, found {len(paths)}")
    reports = [read_report(path) for path in paths]
    old, others = reports[0], list(zip(paths[1:], reports[1:], strict=True))
    found = [(path, compare(old, report)) for path, report in others]
    if json:
        pairs = [
            {"file": path, "figures": [{**vars(d), "change": d.change, "verdict": d.verdict} for d in differences]}
            for path, differences in found
        ]
        print_json("bench-compare", {"old": paths[0], "new": pairs})
    for path, differences in found if not json else ():
        table = difference_table(differences, paths[0], path)
        if markdown:
            write(markdown_table(table) + "\n")
        else:
            print_table("", *table)
    for path, report in others:
        for line in remarks(old, report):
            say(f"rnnedge: note: {paths[0]} and {path}: {line}")
    if html is not None:
        from rnnedge.report.bench_page import write_comparison

        write_comparison(reports, _short(paths), html)
        say(f"report: {html}")


def _short(paths: list[str]) -> list[str]:
    """The shortest ends of the paths that differ: names, or with folders before them; numbered where nothing helps."""
    parts = [Path(path).with_suffix("").parts for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{number} {path}" for number, path in enumerate(paths, 1)]
