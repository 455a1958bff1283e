"""A network exported for a test, together with the module that it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import quickly
import torch

from examples.networks import small as networks
from rnnedge_runtime import Model, load
from rnnedge_runtime.loader import open_bytes
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
    """Export `networks.NETWORKS[name]` into `folder`."""
    module, example = networks.build(name)
    path = folder / f"{name}-{form}.onnx"
    quickly.export(module, example, path, form=form, labels=("a", "b", "c"), frame_rate_hz=100.0)
    return Exported(path, module, form)


def loaded_strictly(data: Path | bytes) -> Model:
    """As on a device that did not make the file, whose every bound it keeps; without a process of its own.

    That process, and its time, have tests of their own; here they would be most of what a test takes.
    """
    content, name = (data, "m.onnx") if isinstance(data, bytes) else (data.read_bytes(), data.name)
    patient = LIMITS._replace(seconds=60.0)
    return Model(open_bytes(content, name, trust="strict", in_child=False, limits=patient))
