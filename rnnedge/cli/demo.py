"""Walk the whole road on real speech: train a GRU, export it in four forms, prove them, stream, measure, report.

Takes about a minute; nothing is downloaded. Leaves the report, its figures and the ONNX files in one folder.

**Example:**  `rnnedge demo`  then open `demo/report.html`
"""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnedge.cli._options import folder_option
from rnnedge.cli._output import JsonOption

if TYPE_CHECKING:
    from rnnedge.demo.page import Demo
    from rnnedge.training import Epoch

_ACCURACY_WANTED = 0.95


def command(
    output: Annotated[Path, folder_option("-o", "--output", help="Folder for the report and the models.")] = Path(
        "demo"
    ),
    epochs: Annotated[int, typer.Option(help="Passes over the training data.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Decides weights, order and noise.")] = 0,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import milestones, print_json
    from rnnedge.cli._outputs import check_named
    from rnnedge.demo.page import write_html
    from rnnedge.demo.run import walk
    from rnnedge_runtime.atomic import make_folder, write_text
    from rnnedge_runtime.errors import BudgetMissed, VerificationError

    check_named("--output", output)
    make_folder(output)
    with milestones() as milestone:

        def on_epoch(epoch: Epoch) -> None:
            milestone.detail(f"epoch {epoch.number} of {epochs}, held-out loss {epoch.validation_loss:.3f}")

        demo = walk(output, epochs=epochs, seed=seed, on_stage=milestone, on_epoch=on_epoch)
        milestone("draw the report")
        report = write_html(demo, output / "report.html")
        write_text(output / "report.json", json_format.dumps(demo.as_dict(), indent=2) + "\n")
    if json:
        print_json("demo", demo.as_dict())
    else:
        _print(demo, report)
    if not demo.agrees:
        raise VerificationError(f"{report}: a streamed decision differs from PyTorch's; please report this")
    if demo.pytorch_accuracy < _ACCURACY_WANTED:
        raise BudgetMissed(
            f"{report}: expected a test accuracy of at least {_ACCURACY_WANTED:.0%}, found "
            f"{demo.pytorch_accuracy:.1%}; train longer or with another --seed"
        )


def _print(demo: Demo, report: Path) -> None:
    from rnnedge.cli._output import print_table, tell

    rows = [
        (
            form.form,
            f"{form.accuracy:.1%}",
            f"{form.agreeing} of {demo.utterances}",
            f"{form.parity_error:.1e}",
            f"{form.drift_error:.1e}",
            f"{form.size_bytes:,}",
        )
        for form in demo.forms
    ]
    columns = ("form", "accuracy", "decisions as PyTorch", "parity error", "after 10,000 frames", "bytes")
    print_table(f"{demo.network}, exported in four forms", columns, rows)
    latency = [(c.name, f"{c.p50_us:.1f}", f"{c.p99_us:.1f}", f"{demo.ratio(c):.2f}") for c in demo.contenders]
    print_table("latency per frame", ("contender", "median us", "p99 us", "ratio to the plain export"), latency)
    tell(f"report: {report}")
