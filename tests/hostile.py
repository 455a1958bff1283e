"""A file whose every text acts on what shows it: a terminal, a spreadsheet, a browser, TeX, Markdown, C."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import onnx

from rnnedge_runtime.checksum import seal

GOLDEN = Path(__file__).parent / "data" / "golden_gru.onnx"
# Sets the title, clears the screen, turns the writing around, ends a line, is half a character, is not there.
TERMINAL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066\r\n\t\x7f\u200b\ufeff"
MARKUP = "--></text></svg><script>alert(1)</script><img src=x onerror=alert(1)>'\"&[/red][x](javascript:x)|`*_:smile:"
SPREADSHEET = '=HYPERLINK("http://x","y")'
TEX = "$\\frac{1$ $x$ \\$"
CODE = "*/ int system(const char *); /* \\"
TEXT = SPREADSHEET + TERMINAL + MARKUP + TEX + CODE


def hostile(names: bool = True, **contract: Any) -> bytes:
    """The golden file with such texts for labels, notes and what it was made from, and in the names of all values."""
    model = onnx.load(GOLDEN)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    del model.metadata_props[:]
    old = [v.name for v in (*model.graph.input, *model.graph.output)] if names else []
    new = {name: f"{name}{TEXT}" for name in old}
    for value in (*model.graph.input, *model.graph.output):
        value.name = new.get(value.name, value.name)
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    fields = json.loads(entries["rnnedge.contract"])
    width = next(p for p in fields["outputs"] if p["per_frame"])["shape"][-1]
    fields |= {"labels": [f"{TEXT}{i}" for i in range(width)], "frame_rate_hz": 100.0}
    fields["provenance"] = {f"note{TEXT}": TEXT, "source": TEXT}
    entries["rnnedge.contract"] = json.dumps(_renamed({**fields, **contract}, new))
    entries["rnnedge.golden"] = json.dumps(_renamed(json.loads(entries["rnnedge.golden"]), new))
    entries.pop("rnnedge.sha256")
    onnx.helper.set_model_props(model, entries)
    return seal(model.SerializeToString())


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [_renamed(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value


def check_inert(text: str, ends: str = "\n") -> None:
    """Assert that nothing in what was shown acts on a terminal; `ends` are the line ends that are ours."""
    found = re.search(f"[^{ends}\\x20-\\x7e\\xa0-\\u1fff\\u2010-\\u2027\\u2030-\\u205f\\u2070-\\ud7ff]", text)
    assert found is None, (found[0], text[max(0, found.start() - 60) : found.end() + 60])
