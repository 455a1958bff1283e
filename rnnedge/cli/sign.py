"""Sign a file, or a library of `rnnedge compile`, so that a device can check who made it.

Writes `FILE.sig` beside it: Ed25519 over the whole file. `rnnedge verify --key`, `rnnedge run --key` and
`rnnedge.load(..., key=...)` check it. A library that another machine built runs with trust "strict" only where it is
signed as its file is. Needs the extra `sign`.

**Examples:**

- `rnnedge sign net.onnx --key key.pem --new-key`, which makes `key.pem` (secret) and `key.pub.pem` (for devices)
- `rnnedge sign net.onnx --key key.pem`
- `rnnedge sign out/net.so --key key.pem`
- `rnnedge verify net.onnx --key key.pub.pem`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnedge.cli.output import JsonOption


def command(
    file: Annotated[Path, typer.Argument(help="A file made by rnnedge export, or a library made by rnnedge compile.")],
    key: Annotated[Path, typer.Option(help="The private key, an Ed25519 PEM file.")],
    new_key: Annotated[bool, typer.Option("--new-key", help="Make the key, and its public half, first.")] = False,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli.output import print_json, tell
    from rnnedge_runtime.signing import new_key as make_key
    from rnnedge_runtime.signing import sign

    public = make_key(key) if new_key else None
    signature = sign(file, key)
    if json:
        fields = {"file": str(file), "signature": str(signature), "public_key": str(public) if public else None}
        print_json("sign", fields)
        return
    if public:
        tell(f"{key}: a new private key; {public}: its public half")
    tell(f"{signature}: signature of {file}")
