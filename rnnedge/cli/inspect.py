"""Show everything a file says about itself: ports, states, timing, labels, origin.

**Examples:**  `rnnedge inspect net.onnx`  ·  `rnnedge inspect net.onnx --json`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnedge.cli._output import JsonOption, KeyOption, ReleaseOption, SignedAsOption, TrustOption


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
    from rnnedge_runtime.describe import facts, port_rows, state_rows

    model = load(file, trust=trust, key=key, signed_as=signed_as, release=release)
    contract, size = model.contract, file.stat().st_size
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
