"""The model card of a network: YAML for the Hub, then tables and a program that runs it.

Names come from the network's maker. In a table and in YAML they are data: what could end a cell, or begin a tag, is
escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from rnnedge_export.packaging._network import Network, Proof
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.describe import Row, facts, port_rows
from rnnedge_runtime.host import fingerprint
from rnnedge_runtime.hub import MODEL
from rnnedge_runtime.measure import Latency

_TAGS = ("rnnedge", "onnx", "onnxruntime", "streaming", "real-time")
# What of a machine matters for a time, in the words of the fingerprint.
_MACHINE = ("processor", "board", "architecture", "cores", "frequency", "load", "system", "onnxruntime", "rnnedge")


def card(network: Network, proof: Proof, latency: Latency) -> str:
    """README.md."""
    contract = network.contract
    front = json.dumps({"library_name": "rnnedge", "tags": list(_TAGS)}, indent=2)
    parts = (
        f"---\n{front}\n---\n",
        f"# {_cell(network.name)}\n",
        "A network that takes its input a few frames at a time and keeps its state in between. One ONNX file, which "
        "says itself what goes in and out.\n",
        f"```python\n{_program(contract)}```\n",
        "## Inputs and outputs\n",
        _table(("", "name", "dtype", "shape", "gives"), [*port_rows(contract), *_context_rows(contract)]),
        _table(("", ""), facts(contract)),
        "## Proof\n",
        _table(("", ""), _proven(network, proof)),
        "## Latency\n",
        _table(("", ""), _measured(latency)),
        _table(("machine", ""), [(n, v) for n, v in fingerprint().items() if n in _MACHINE]),
        "A push is one call of the network, as fast as they go, in one thread of this machine.\n",
    )
    return "\n".join(parts)


def _program(contract: Contract) -> str:
    context = "context={...}" if contract.contexts else ""
    shapes = [f"({', '.join(('time', *map(str, port.frame_shape)))}) {port.dtype}" for port in contract.inputs]
    names = ", ".join(f"{port.name!r}: ..." for port in contract.inputs)
    frames = "frames" if len(shapes) == 1 else f"{{{names}}}"
    return (
        "import rnnedge  # pip install 'rnnedge[cpu,hub]'\n\n"
        'model = rnnedge.load("ORGANIZATION/NAME", revision="COMMIT")\n'
        f"stream = model.stream({context})\n"
        f"ready = stream.push({frames})  # {'; '.join(shapes)}\n"
    )


def _context_rows(contract: Contract) -> list[Row]:
    return [
        ("per sequence", state.input, state.dtype, str(list(state.row_shape)), f"given once, {state.context}")
        for state in contract.contexts
    ]


def _proven(network: Network, proof: Proof) -> list[Row]:
    provenance = network.contract.provenance
    names = ("module", "source", "proven_on", "rnnedge", "torch", "weights_sha256")
    known = [(name.replace("_", " "), str(provenance[name])) for name in names if name in provenance]
    return [
        *known,
        (f"SHA-256 in {MODEL}", network.digest),
        (
            "this package",
            f"{proof.frames:,} frames in {proof.engine}, error {proof.max_error:.1e} of the output's range",
        ),
    ]


def _measured(latency: Latency) -> list[Row]:
    factor = latency.real_time_factor
    rows = [(f"p{p:g}", f"{latency.percentile_us(p):.1f} µs") for p in (50, 99)]
    return [*rows, *([("real-time factor", f"{factor:.2g}")] if factor is not None else [])]


def _table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    lines = [columns, ["---"] * len(columns), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(text: str) -> str:
    shown = text if text.isprintable() else repr(text)[1:-1]
    return re.sub(r"[&<>\\`*_\[\]|#]", lambda sign: f"&#{ord(sign[0])};", shown)
