"""Every kind of package, and the one way to make one: written, proven in its engine, and only then put in its place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rnnedge_export.packaging._hugging_face import HuggingFace
from rnnedge_export.packaging._network import Kind, Network, Proof
from rnnedge_export.packaging._openvino import OpenVino
from rnnedge_export.packaging._ort import Ort
from rnnedge_export.packaging._placing import place_in
from rnnedge_export.packaging._proof import prove
from rnnedge_export.packaging._triton import Triton
from rnnedge_runtime.arguments import choice, shown, text
from rnnedge_runtime.atomic import check_writable
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.ort_format import is_ort_format
from rnnedge_runtime.plain_file import is_folder, is_there
from rnnedge_runtime.temporary import temporary_folder

KINDS: dict[str, Kind] = {kind.name: kind for kind in (OpenVino(), Triton(), Ort(), HuggingFace())}
"""By the name of the engine or place that a package is for."""


@dataclass(frozen=True)
class Package:
    """What was written: the files, what was proven, and what the user should know, or None."""

    kind: str
    files: tuple[Path, ...]
    proof: Proof
    note: str | None


def package(
    data: bytes,
    kind: str,
    folder: Path,
    *,
    name: str = "model",
    say: Callable[[str], None] = lambda _: None,
) -> Package:
    """Write the sealed streaming file `data` as a package of `kind`, one of `KINDS`, into `folder`.

    Nothing is written before the engine of the package gave what the file gives, over at least 1,000 frames; then all
    files are, or none. Nothing is replaced. `name`: what the files are called, as `plain_name` gives it. `say` is
    called with the name of each stage.

    Raises `InputError` for an unknown kind, another name, or a file that is there already, `VerificationError` where
    the engine gives something else, `ProviderError` where it does not take the network, `MissingExtra` where it is not
    installed.
    """
    found = KINDS[choice(kind, "package: kind", KINDS)]
    # It becomes a file, a folder, and a word of what other engines read.
    if text(name, "package: name") != plain_name(name):
        raise InputError(
            f"package: name: expected letters, digits, underscores, dots and dashes, found {shown(name)}; did you mean "
            f"{plain_name(name)!r}?"
        )
    check_free(folder)
    if is_ort_format(data):
        raise ModelRefused(f"{name}: expected an ONNX file, found one in ORT format; take the one that it was made of")
    model = load_bytes(data, name, trust="local")
    apart = model.contract.batch is not None or model.pool(2).batched
    network = Network(name, data, check_seal(data, name), model.contract, apart)
    with temporary_folder("package") as made:
        say(f"write for {kind}")
        note = found.write(network, made)
        _check_absent(made, folder)
        say("prove")
        proof = prove(found, network, made)
        found.finish(network, made, proof)
        return Package(kind, place_in(made, folder), proof, note)


def plain_name(stem: str) -> str:
    """A name like `stem` that every engine and file system takes."""
    return re.sub(r"[^\w.-]", "_", stem, flags=re.ASCII).lstrip(".-")[:100] or "model"


def check_free(folder: Path) -> None:
    """Raise `InputError` where files cannot be written into `folder`, or it cannot be made."""
    try:
        there = next(one for one in (folder, *folder.absolute().parents) if is_there(one))
        if not is_folder(there):
            raise InputError(f"{there}: expected a folder, found a file; choose another one")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{folder}: cannot be written ({reason}); choose another folder") from error
    check_writable(there / "any")


def _check_absent(made: Path, folder: Path) -> None:
    """Raise `InputError` where something that is to be written is there already."""
    for entry in sorted(made.iterdir()):
        if os.path.lexists(folder / entry.name):
            raise InputError(f"{folder / entry.name}: is there already; choose another folder, or another name")
