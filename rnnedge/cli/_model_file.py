"""The FILE of a verb: what is typed in its place is answered with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

_RECORDED = "expected a model, made with 'rnnedge export', found a recording; the model comes first"
_RECORDINGS = (".npy", ".npz", ".csv", ".jsonl", ".wav", ".parquet")


def checked_file(file: Path) -> Path:
    """`file`, if there may be a model in it.

    Raises `ModelRefused` for what has to be exported first, and for a name that is like another one.
    """
    remedy = _remedy(file)
    if remedy:
        from rnnedge_runtime.errors import ModelRefused

        raise ModelRefused(f"{file}: {remedy}")
    return file


def _remedy(file: Path) -> str:
    from rnnedge_runtime.plain_file import is_file, is_folder, is_there

    name = str(file)
    try:
        if file.suffix == ".py":
            return f"the code of a network; export it first: rnnedge export {name}:build -o NAME.onnx"
        if is_folder(file) and is_file(file / "config.json"):
            return f"a folder made by rnnedge train; export it first: rnnedge export {name} -o NAME.onnx"
        if is_there(file):
            recorded = file.suffix.lower() in _RECORDINGS
            return (
                "expected a model, made with 'rnnedge export', found a recording; the model comes first"
                if recorded
                else ""
            )
        if ":" in name[2:]:
            return f"the code of a network; export it first: rnnedge export {name} -o NAME.onnx"
        return _nearest(file)
    # A path that no system takes is told by what opens it.
    except (OSError, ValueError):
        return ""


def _nearest(file: Path) -> str:
    """A model of a like name in the same folder."""
    from rnnedge_runtime.arguments import nearest

    there = sorted(path.name for path in file.parent.glob("*.onnx"))
    hint = nearest(file.name, there) or nearest(f"{file.name}.onnx", there)
    return f"cannot be read (No such file or directory){hint}" if hint else ""


def model_file(text: str = "A file made by rnnedge export.") -> Any:
    """The argument FILE, with its help."""
    return typer.Argument(help=text, callback=checked_file)


ModelFile = Annotated[Path, model_file()]
