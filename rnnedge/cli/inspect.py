"""Show everything a file says about itself: ports, states, timing, labels, origin.

Of an ONNX file from elsewhere it shows inputs and outputs, and the command that makes a stream of it: which inputs are
states is found by trying.

**Examples:**  `rnnedge inspect net.onnx`  ·  `rnnedge inspect net.onnx --json`  ·  `rnnedge inspect step.onnx`  ·
`rnnedge inspect net.onnx --graph net.html` (how time flows: layers, rates, delays, states; .svg: the picture alone)  ·
`rnnedge inspect net.onnx --graph index.html --link latency.html --link explain.html` (a page that leads to the others)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnedge.cli._model_file import model_file
from rnnedge.cli._opening import Opening, with_fields
from rnnedge.cli._options import file_option
from rnnedge.cli._output import JsonOption

if TYPE_CHECKING:
    from rnnedge_runtime import Model

_GRAPH = "Draw how time flows through the network: layers, rates, delays, states. A path that ends in .svg or .html."

_LINK = (
    "With --graph PAGE.html: another page of this model, such as that of bench or explain; may be given several times."
)


def _graph(value: Path | None) -> Path | None:
    if value is not None and value.suffix not in (".svg", ".html"):
        raise typer.BadParameter(f"expected a path that ends in .svg or .html, found {value}")
    return value


@with_fields
def command(
    file: Annotated[Path, model_file("A file made by rnnedge export, or any ONNX file.")],
    *,
    opening: Opening,
    graph: Annotated[Path | None, file_option(callback=_graph, help=_GRAPH)] = None,
    link: Annotated[list[Path] | None, typer.Option(help=_LINK)] = None,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import print_json, print_table
    from rnnedge.cli._outputs import check_outputs
    from rnnedge_runtime import load
    from rnnedge_runtime.contract_json import as_dict
    from rnnedge_runtime.describe import facts, port_rows, state_rows
    from rnnedge_runtime.errors import ModelRefused

    pages = link or []
    if pages and (graph is None or graph.suffix != ".html"):
        raise typer.BadParameter(
            "expected --graph with a path that ends in .html, which has the links", param_hint="--link"
        )
    check_outputs({"--graph": graph}, [file, *pages])
    try:
        model = load(file, **vars(opening))
    except ModelRefused:
        if opening.key is not None or graph is not None or not _show_foreign(file, opening.trust, json):
            raise
        return
    contract, size = model.contract, file.stat().st_size
    if graph is not None:
        _draw(model, file, graph, pages)
    if json:
        golden = contract.golden
        frames = None if golden is None else len(golden.inputs[contract.inputs[0].name])
        fields = {"file": str(file), "sha256": model.digest, "size_bytes": size, "golden_frames": frames}
        print_json("inspect", {**fields, "contract": as_dict(contract)})
        return
    more = [("size", f"{size:,} bytes"), ("sha256", model.digest)]
    made = [(f"made from: {key}", value) for key, value in sorted(contract.provenance.items())]
    print_table(str(file), ("what", "value"), [*facts(contract), *more, *made])
    print_table("ports", ("", "name", "dtype", "shape", "gives"), port_rows(contract))
    print_table("states", ("read", "written", "dtype", "shape", "starts from"), state_rows(contract))


def _show_foreign(file: Path, trust: str | None, json: bool) -> bool:
    """Ports of a file from elsewhere, and the command for it; False for a file that is no such, or without onnx."""
    from rnnedge.cli._foreign_file import proposal_of
    from rnnedge.cli._output import print_json, print_table, tell

    found = proposal_of(str(file), trust)
    if found is None:
        return False
    if json:
        print_json("inspect", {"file": str(file), **found})
        return True
    rows = [(side, p["name"], p["dtype"], f"({', '.join(map(str, p['shape']))})", p["role"])
            for side in ("input", "output") for p in found[f"{side}s"]]  # fmt: skip
    print_table(f"{file}: not made by rnnedge", ("", "name", "dtype", "shape", "looks like"), rows)
    if found["command"] is None:
        tell("No command was found with which it runs as a stream; see docs/onnx-files.md.")
    else:
        tell(f"{'To stream it' if found['tried'] else 'To stream it, with numbers that only its author knows'}:")
        tell(f"  {found['command']}")
    return True


def _draw(model: Model, file: Path, graph: Path, pages: list[Path]) -> None:
    """Write the picture, or the page that has it."""
    from rnnedge.report.flow_page import flow_page
    from rnnedge.report.flow_picture import draw
    from rnnedge.report.links import links_to
    from rnnedge_export.time_flow import read_time_flow
    from rnnedge_runtime.atomic import write_text
    from rnnedge_runtime.checksum import check_seal
    from rnnedge_runtime.errors import InputError

    data = file.read_bytes()
    if check_seal(data, str(file)) != model.digest:
        raise InputError(f"{file}: changed while it was read; draw it again")
    flow = read_time_flow(data, model.contract)
    if graph.suffix == ".svg":
        write_text(graph, draw(flow, file.name) + "\n")
    else:
        write_text(graph, flow_page(flow, model, file.name, links_to(pages, graph)))
