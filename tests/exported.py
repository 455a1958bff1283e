"""A network exported for a test, together with the module that it was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import quickly
import torch
import windows
from made_once import made_once

from examples.networks import small as networks
from rnnedge_runtime import Model, load
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.loader import open_bytes
from rnnedge_runtime.trust import remember
from rnnedge_runtime.untrusted import LIMITS


@dataclass(frozen=True)
class Exported:
    """A file, and the module that it was made from."""

    path: Path
    module: torch.nn.Module
    form: str

    @property
    def model(self) -> Model:
        """The file, loaded."""
        return load(self.path)


def export_network(name: str, form: str, folder: Path) -> Exported:
    """`networks.NETWORKS[name]` as a file in `folder`; the first process of a run that needs it exports it."""
    about = {"form": form, "labels": ("a", "b", "c"), "frame_rate_hz": 100.0}
    return _exported(f"{name}-{form}", lambda: networks.build(name), about, folder)


def export_window(name: str, folder: Path) -> Exported:
    """`windows.WINDOWS[name]`, likewise."""
    about = {"form": "native", "time_axis": 2 if name == "unet" else 1}
    return _exported(f"window-{name}", lambda: windows.build(name), about, folder)


def _exported(
    name: str, build: Callable[[], tuple[torch.nn.Module, torch.Tensor]], about: dict[str, Any], folder: Path
) -> Exported:
    path, (module, example) = folder / f"{name}.onnx", build()

    def make() -> bytes:
        quickly.export(module, example, path, **about)
        return path.read_bytes()

    path.write_bytes(made_once(path.name, make))
    # Each process of a run has a list of its own.
    remember(check_seal(path.read_bytes(), path.name))
    return Exported(path, module, about["form"])


def loaded_strictly(data: Path | bytes) -> Model:
    """As on a device that did not make the file, whose every bound it keeps; without a process of its own.

    That process, and its time, have tests of their own; here they would be most of what a test takes.
    """
    content, name = (data, "m.onnx") if isinstance(data, bytes) else (data.read_bytes(), data.name)
    patient = LIMITS._replace(seconds=60.0)
    return Model(open_bytes(content, name, trust="strict", in_child=False, limits=patient))
