"""The files of a web site around a network: modules for JavaScript that people wrote, and what names the network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from rnnedge_export.codegen.render._text import in_documentation, part

_FOLDER = "web"
# Templates, by what they become; all other files stay as they are.
_FILLED = {"index.html": "index.html", "network.js": "{}.js", "network.d.ts": "{}.d.ts", "package.json": "package.json"}
# Run by the compiler only.
_TOOLS = ("prove.mjs",)
_ARRAYS = {"float32": "Float32Array", "int32": "Int32Array", "int64": "BigInt64Array", "bool": "Uint8Array"}


def site(name: str, contract: Mapping[str, Any]) -> dict[str, str]:
    """The text of every file, by its name; `contract` is what NAME.contract.json says."""
    folder = files("rnnedge_export.codegen.render") / _FOLDER
    static = [one.name for one in folder.iterdir() if one.is_file() and one.name not in (*_FILLED, *_TOOLS)]
    values = _values(name, contract)
    filled = {to.format(name): Template(part(each, _FOLDER)).substitute(values) for each, to in _FILLED.items()}
    said = json.dumps(contract, indent=1, sort_keys=True) + "\n"
    return {**{each: part(each, _FOLDER) for each in static}, **filled, f"{name}.contract.json": said}


def _values(name: str, contract: Mapping[str, Any]) -> dict[str, str]:
    inputs, outputs = contract["inputs"], contract["outputs"]
    return {
        "name": name,
        "digest": contract["digest"],
        "package": json.dumps(name.lower().strip("_") or "network"),
        "description": json.dumps(f"The streaming network {name}, compiled by rnnedge"),
        "inputs": "".join(_member(port, " | readonly number[]") for port in inputs),
        "outputs": "".join(_member(port, "", contract["labels"]) for port in outputs),
        "given": f"{_ARRAYS[inputs[0]['dtype']]} | readonly number[] | Inputs" if len(inputs) == 1 else "Inputs",
        "found": _ARRAYS[outputs[0]["dtype"]] if len(outputs) == 1 else "Outputs",
    }


def _member(port: Mapping[str, Any], more: str, labels: Sequence[str] = ()) -> str:
    shape = ", ".join(map(str, ["time" if port["perFrame"] else 1, *port["shape"]]))
    said = f"{port['dtype']} ({shape})" + (f": {', '.join(labels)}" if len(labels) == port["size"] else "")
    return f"  /** {in_documentation(said)} */\n  {json.dumps(port['name'])}: {_ARRAYS[port['dtype']]}{more};\n"
