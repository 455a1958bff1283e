"""Show everything a file says about itself: ports, states, timing, labels, origin.

**Examples:**  `rnnedge inspect net.onnx`  ·  `rnnedge inspect net.onnx --json`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnedge.cli._output import JsonOption, KeyOption, ReleaseOption, SignedAsOption, TrustOption

if TYPE_CHECKING:
    from rnnedge_runtime import Contract, Model, Port, State


def command(
    file: Annotated[Path, typer.Argument(help="A file made by rnnedge export.")],
    trust: TrustOption = None,
    key: KeyOption = None,
    signed_as: SignedAsOption = None,
    release: ReleaseOption = 0,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import print_json, print_table
    from rnnedge_runtime import load
    from rnnedge_runtime.contract_json import as_dict

    model = load(file, trust=trust, key=key, signed_as=signed_as, release=release)
    contract, size = model.contract, file.stat().st_size
    if json:
        golden = contract.golden
        frames = None if golden is None else len(golden.inputs[contract.inputs[0].name])
        fields = {"file": str(file), "sha256": model.digest, "size_bytes": size, "golden_frames": frames}
        print_json("inspect", {**fields, "contract": as_dict(contract)})
        return
    print_table(str(file), ("what", "value"), list(_facts(model, contract, size)))
    ports = [*(("input", p) for p in contract.inputs), *(("output", p) for p in contract.outputs)]
    print_table("ports", ("", "name", "dtype", "shape", "gives"), [_port_row(kind, p, contract) for kind, p in ports])
    print_table(
        "states", ("read", "written", "dtype", "shape", "starts from"), [_state_row(s) for s in contract.states]
    )


def _facts(model: Model, contract: Contract, size: int) -> list[tuple[str, str]]:
    rate = contract.frame_rate_hz
    frames = "any number" if contract.chunk is None else f"exactly {contract.chunk}"
    facts = [
        ("form", f"{contract.form}, {contract.precision}, opset {contract.opset}"),
        ("frames per call", frames),
        ("frame rate", "not stated" if rate is None else f"{rate:g} Hz, {1000 / rate:g} ms per frame"),
        ("stride, lookahead", f"{contract.stride}, {contract.lookahead} frames"),
        ("labels", ", ".join(contract.labels) or "none"),
        ("normalization", "none stated" if contract.normalization is None else "mean and std, applied in the graph"),
        ("golden sample", "none" if contract.golden is None else f"{_golden_frames(contract)} frames"),
        ("size", f"{size:,} bytes"),
        ("sha256", model.digest),
    ]
    return facts + [(f"made from: {key}", value) for key, value in sorted(contract.provenance.items())]


def _golden_frames(contract: Contract) -> int:
    assert contract.golden is not None
    return len(contract.golden.inputs[contract.inputs[0].name])


def _port_row(kind: str, port: Port, contract: Contract) -> tuple[str, ...]:
    gives = "frames" if port.per_frame else "a summary, at the end"
    tap = next((tap for tap in contract.taps if tap.output == port.name), None)
    if tap is not None:
        gives = f"a tap: {tap.value.replace('_', ' ')} of {tap.layer}"
    return kind, port.name, port.dtype, _dims(port.shape), gives


def _state_row(state: State) -> tuple[str, ...]:
    initial = f"{state.initial:g}" if isinstance(state.initial, float) else "a learned value"
    return state.input, state.output, state.dtype, _dims(state.shape), initial


def _dims(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(map(str, shape))})"
