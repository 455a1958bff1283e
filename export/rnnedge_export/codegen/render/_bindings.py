"""Streams for other languages, over the generated header: one template each.

A line of a template that begins with `@WORD` is repeated for every member of a group; of a fact, it is left out where
that is not so:

    @types       what numpy's dtypes are called: float32=f32 ...
    @limits      the least and the largest number of each: float32=-1e9..1e9 ...
    @keywords    names that an input or an output may not have: it gets an underscore
    @inputs, @outputs, @frames (outputs per frame), @cursors, @masks, @lasts, @contexts
    @labels      the labels of the first output
    @static, @blob, @refuses, @anyframes
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from string import Template
from typing import Any

import numpy as np

from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen.render import _contexts
from rnnedge_export.codegen.render._addresses import CTYPES
from rnnedge_export.codegen.render._identifiers import distinct, identifiers
from rnnedge_export.codegen.render._labels import in_words, labels_of, literals
from rnnedge_export.codegen.render._text import in_documentation, part
from rnnedge_runtime.contract import Contract

# By the name of the language, the ending of its files.
LANGUAGES = {"cpp": ".hpp", "rust": ".rs", "go": ".go"}
_ALIGNMENT, _FIELDS = 64, 256
_LINE = re.compile(r"@(\w+)(?: (.*))?")
Values = Mapping[str, object]


def binding(language: str, name: str, contract: Contract, program: StepProgram, digest: str, blob: bool) -> str:
    """The text of one language's file."""
    return _written(f"stream{LANGUAGES[language]}", language, name, contract, program, digest, blob)


def binding_proof(language: str, name: str, contract: Contract, program: StepProgram, digest: str, blob: bool) -> str:
    """The text of a program over that file, which does what `_binding_proof.py` asks it to, in the contract's order."""
    template = f"prove{LANGUAGES[language].replace('hpp', 'cpp')}"
    return _written(template, language, name, contract, program, digest, blob, ordered=True)


def _written(
    template: str,
    language: str,
    name: str,
    contract: Contract,
    program: StepProgram,
    digest: str,
    blob: bool,
    *,
    ordered: bool = False,
) -> str:
    lines = part(f"stream{LANGUAGES[language]}", "bindings").splitlines()
    types = dict(word.split("=") for word in _words(lines, "types"))
    limits = dict(word.split("=") for word in _words(lines, "limits"))
    groups = _groups(contract, program, types, limits, set(_words(lines, "keywords")))
    labels = labels_of(contract)
    groups["labels"] = [{"labels": literals(labels, language), "count": len(labels)}] if labels else []
    if ordered:
        places = {port.name: k for k, port in enumerate((*contract.inputs, *contract.outputs))}
        for side in ("inputs", "outputs", "frames"):
            groups[side] = sorted(groups[side], key=lambda port: places[str(port["port"])])
    facts = {"static": not blob, "blob": blob, "refuses": program.refuses, "anyframes": bool(groups["frames"])}
    groups |= {fact: [{}] if true else [] for fact, true in facts.items()}
    rate = f", {contract.frame_rate_hz:g} a second" if contract.frame_rate_hz else ""
    values = {
        "name": name,
        "NAME": name.upper(),
        "package": name.lower().strip("_") or "network",
        "digest": digest,
        "call": f"{contract.unit} frame{'s' if contract.unit > 1 else ''}",
        "rate": rate,
        "of_labels": in_words(contract),
        "bytes": _bytes(program),
    }
    text = part(template, "bindings").splitlines()
    return "".join(f"{line}\n" for line in _filled(text, groups, values))


def _words(lines: Sequence[str], kind: str) -> list[str]:
    return [word for line in lines if line.startswith(f"@{kind} ") for word in line.split()[1:]]


def _filled(lines: Sequence[str], groups: Mapping[str, Sequence[Values]], values: Values) -> Iterator[str]:
    run: list[str] = []
    group = ""
    for line in [*lines, "@types "]:
        found = _LINE.fullmatch(line)
        kind = found[1] if found else ""
        if kind != group:
            yield from _repeated(run, groups.get(group, ()), values)
            run, group = [], kind
        if found is None:
            yield Template(line).substitute(values)
        else:
            run.append(found[2] or "")


def _repeated(lines: Sequence[str], members: Sequence[Values], values: Values) -> Iterator[str]:
    """Neighbouring lines of one group, for every member."""
    for member in members:
        for line in lines:
            yield Template(line).substitute({**values, **member})


def _groups(
    contract: Contract,
    program: StepProgram,
    types: Mapping[str, str],
    limits: Mapping[str, str],
    keywords: set[str],
) -> dict[str, Sequence[Values]]:
    ids = _members(identifiers(program), keywords)
    compiled = {port.name: port for port in (*program.inputs, *program.outputs)}

    def values(one: Any, per_frame: bool = True) -> dict[str, object]:
        port, frames = compiled[one.name], one.clock.frames(contract.unit)
        return {
            "port": one.name,
            "id": ids[one.name],
            "Id": _capital(ids[one.name]),
            "type": types[port.dtype],
            "c": CTYPES[port.dtype],
            "zero": "0.0" if port.dtype == "float32" else "0",
            "size": port.size,
            "frames": frames,
            "delay": one.clock.delay,
            "said": _said(contract, one.name, port.dtype, port.shape, per_frame),
            **_bounds(port.dtype, getattr(one, "range", None), limits),
        }

    setters: set[str] = set()
    contexts = [
        {
            "id": name,
            "Id": distinct(_capital(name), setters, setters),
            "type": types[one.state.dtype],
            "c": CTYPES[one.state.dtype],
            "size": one.view.index.size,
            "said": in_documentation(one.state.input),
            **_bounds(one.state.dtype, one.state.range, limits),
        }
        for name, one in _contexts.of(program).items()
    ]
    cursors = [(cursor.kind, values(cursor)) for cursor in contract.cursors]
    return {
        "inputs": [values(port) for port in contract.inputs],
        "outputs": [values(port, port.per_frame) for port in contract.outputs],
        "frames": [values(port) for port in contract.outputs if port.per_frame],
        "cursors": [one for _, one in cursors],
        "masks": [one for kind, one in cursors if kind == "mask"],
        "lasts": [one for kind, one in cursors if kind == "last"],
        "contexts": contexts,
    }


def _bounds(dtype: str, within: tuple[int, int] | None, limits: Mapping[str, str]) -> dict[str, object]:
    """The least and the largest number that is taken, and what all others are called."""
    low, high = limits[dtype].split("..")
    if within is not None:
        ends = np.iinfo(dtype)
        low = str(within[0]) if within[0] > ends.min else low
        high = str(within[1]) if within[1] < ends.max else high
    words = {"float32": "a NaN or an infinity", "bool": "a byte that is neither 0 nor 1"}
    return {"low": low, "high": high, "other": words.get(dtype, f"a number that is not from {low} to {high}")}


def _members(names: Mapping[str, str], keywords: set[str]) -> dict[str, str]:
    """What inputs and outputs are called: never a keyword, and no count of frames; Go begins them with a capital."""
    taken: set[str] = set()
    found = {}
    for name, text in names.items():
        while text in keywords or _fields(text) & taken:
            text += "_"
        taken |= _fields(text)
        found[name] = text
    return found


def _fields(text: str) -> set[str]:
    return {f"{_capital(text)}{end}" for end in ("", "_frames", "Frames")}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _said(contract: Contract, name: str, dtype: str, shape: Sequence[int], per_frame: bool) -> str:
    """What the documentation says of a port."""
    kind = "" if per_frame else ", of the sequence so far"
    labels = labels_of(contract) if name == contract.outputs[0].name else ()
    text = f"{name}: {dtype} {list(shape)}{kind}" + (f"; {', '.join(labels)}" if labels else "")
    return in_documentation(text)


def _bytes(program: StepProgram) -> int:
    """At least as many as the C struct has, which pads its fields."""
    whole = program.stream_bytes + 4 * len(program.rings) + _FIELDS
    return -(-whole // _ALIGNMENT) * _ALIGNMENT
