"""Sign a file, or a library of `rnnedge compile`, so that a device can check who made it.

Writes `FILE.sig` next to it: Ed25519 over the whole file, a name and the number of a release. Every verb with `--key`,
and `rnnedge.load(..., key=...)`, check it: a file that was signed as another name, or as an earlier release than the
device asks for, is refused. A library that another machine built runs only where it is signed as its file is. Needs
the extra `sign`.

**Examples:**

- `rnnedge sign net.onnx --key key.pem --new-key`, which makes `key.pem` (secret) and `key.pub.pem` (for devices)
- `rnnedge sign net.onnx --key key.pem`
- `rnnedge sign out/net.so --key key.pem`
- `rnnedge verify net.onnx --key key.pub.pem`
- `rnnedge sign net.onnx --key key.pem --name speech --release 3`  then, whatever the file is called there,
  `rnnedge run model.onnx input.csv --key key.pub.pem --signed-as speech --release 3`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnedge.cli._output import JsonOption


def command(
    file: Annotated[Path, typer.Argument(help="A file made by rnnedge export, or a library made by rnnedge compile.")],
    key: Annotated[Path, typer.Option(help="The private key, an Ed25519 PEM file.")],
    new_key: Annotated[bool, typer.Option("--new-key", help="Make the key, and its public half, first.")] = False,
    name: Annotated[
        str | None, typer.Option(help="The name that a load asks for; by default that of the file, without its ending.")
    ] = None,
    release: Annotated[int, typer.Option(help="A number that grows with every file of that name.", min=0)] = 0,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import print_json, tell
    from rnnedge_runtime.signing import new_key as make_key
    from rnnedge_runtime.signing import sign

    public = make_key(key) if new_key else None
    signature = sign(file, key, name=name, release=release)
    if json:
        fields = {"file": str(file), "signature": str(signature), "public_key": str(public) if public else None}
        print_json("sign", fields)
        return
    if public:
        tell(f"{key}: a new private key; {public}: its public half")
    tell(f"{signature}: signature of {file}")
