"""One fault through the gate: what refuses it, and proof that the same network passes without it."""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path

import pytest
from injection import FAULTS, Fault, Injection
from shown_by import shown

import rnnedge_export
from rnnedge_export.capture import CaptureCache
from rnnedge_export.codegen import build_in
from rnnedge_export.codegen.prove import prove
from rnnedge_export.codegen.render import LANGUAGES
from rnnedge_export.packaging import KINDS, package
from rnnedge_runtime import load
from rnnedge_runtime.errors import RnnEdgeError

_CHECK = re.compile(r"verification failed: ([^(]+?) \(")
_CAPTURES = CaptureCache()
# What a function that was planted says where it is called in another way, as after a change of what it stands for.
_OF_THE_FAULT = ("<locals>", "replace() should be called on dataclass")
# Refusals that name no check, by what they say.
_OTHERS = {
    "golden sample of": "golden sample, at load",
    **{f"for {kind}: ": "frames through the package" for kind in KINDS},
    "for web": "ways through a site",
    ".contract.json: expected": "contract of the site",
    **{f"for {language}: ": "a stream in another language" for language in LANGUAGES},
    "expected the contract of the file in its package": "contract of the package",
    "in the list of operators": "operators of the package",
    "rnnedge.json and README.md": "card of the package",
    "expected an error of at most": "steps of the compiled code",
    "drifts from float32": "drift from float32",
    "expected the file that was proven": "bytes on the disk",
    "does not replay": "golden sample",
}


class NothingPlanted(AssertionError):
    """What a fault changes was never called, or the fault does not fit it: an error of the suite."""


def refused_by(fault: Fault) -> str | None:
    """The check that refuses `fault`; None if it passes the gate. Raises `NothingPlanted`."""
    passes(fault.network, fault.gate)
    with pytest.MonkeyPatch.context() as patch, _CAPTURES:
        # By itself, without the conditions around passes that tests set.
        patch.setenv("RNNEDGE_DEBUG", "0")
        if fault.gate not in ("export", "compile"):
            _exported(fault.network)
        injection = Injection(patch)
        fault.plant(injection)
        try:
            _through(fault.network, fault.gate)
            found = None
        except RnnEdgeError as error:
            found = _check_of(error)
            if any(words in str(error) for words in _OF_THE_FAULT):
                raise NothingPlanted(f"{fault.name}: {error}") from error
        # A defect that ends a pass leaves no file either.
        except Exception as error:
            found = f"no file: {type(error).__name__}"
    if not injection.hits:
        raise NothingPlanted(f"{fault.name}: what it changes was never called")
    return found


@cache
def passes(network: str, gate: str) -> None:
    """The network passes that gate without a fault, or this raises."""
    with _CAPTURES:
        _through(network, gate)


def _through(network: str, gate: str) -> None:
    if gate in KINDS:
        with tempfile.TemporaryDirectory(prefix="rnnedge-mutants-") as folder:
            package(_exported(network), gate, Path(folder) / "out", name="net")
    elif gate in ("web", "c", *LANGUAGES):
        _compiled(network, gate)
    elif gate == "load":
        _loaded(network)
    else:
        _written(network)


def _compiled(network: str, gate: str) -> None:
    """A file that passed the export, as `rnnedge compile` writes it: for a target, or with a stream in a language."""
    with tempfile.TemporaryDirectory(prefix="rnnedge-mutants-") as folder:
        data, languages = _exported(network), (gate,) if gate in LANGUAGES else ()
        built = build_in(data, "c" if languages else gate, Path(folder), name="net", bindings=languages)
        assert prove(data, built) is not None, f"nothing here runs {gate}"


def _loaded(network: str) -> None:
    """A file that passed the export, compiled for this machine by the load."""
    with tempfile.TemporaryDirectory(prefix="rnnedge-mutants-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", folder)
        path = Path(folder) / "m.onnx"
        path.write_bytes(_exported(network))
        load(path, provider="native", trust="local")


@cache
def _exported(network: str) -> bytes:
    return _written(network)


def _written(network: str) -> bytes:
    """The file, proven."""
    given = shown(network)
    with tempfile.TemporaryDirectory(prefix="rnnedge-mutants-") as folder:
        path = Path(folder) / "m.onnx"
        if isinstance(given.module, bytes):
            offline = Path(folder) / "offline.onnx"
            offline.write_bytes(given.module)
            rnnedge_export.convert(offline, path, **given.options)
        else:
            rnnedge_export.export(given.module, given.example, path, **given.options)
        return path.read_bytes()


def _check_of(error: RnnEdgeError) -> str:
    text = str(error)
    found = _CHECK.search(text)
    if found is not None:
        return found[1]
    named = next((name for words, name in _OTHERS.items() if words in text), None)
    return named or f"{type(error).__name__}: {re.sub(r'/[^ :]*', '...', text)[:80]}"


__all__ = ["FAULTS", "NothingPlanted", "passes", "refused_by"]
