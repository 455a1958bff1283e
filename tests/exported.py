"""A network exported for a test, together with the module that it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

import rnnedge_export
from examples.networks import small as networks
from rnnedge_runtime import Model, load

FORMS = ("native", "scan", "unrolled", "step")


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
    rnnedge_export.export(module, example, path, form=form, labels=("a", "b", "c"), frame_rate_hz=100.0)
    return Exported(path, module, form)
