"""onnxruntime's own format, for builds of it that read no ONNX, and the list of operators that such a build needs."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from pathlib import Path

import onnx

from rnnedge_export.packaging._network import Network, Proof, Runner
from rnnedge_export.packaging._stream_runner import StreamRunner
from rnnedge_runtime.checksum import check_seal, seal
from rnnedge_runtime.errors import ProviderError, VerificationError
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.temporary import temporary_folder
from rnnedge_runtime.trust import remember

_TOOL = "onnxruntime.tools.convert_onnx_models_to_ort"
_CONFIG = "required_operators_and_types.config"
_TIMEOUT_S = 600
# What attributes of recurrences, and of convolutions and products that onnxruntime joins with what follows, say too.
_ACTIVATIONS = {"Affine", "Clip", "Elu", "HardSigmoid", "LeakyRelu", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh"}


class Ort:
    """The kind `ort`."""

    name = "ort"
    summary = "onnxruntime's ORT format, and the operators of a minimal build; `rnnedge.load` opens it"

    def write(self, network: Network, folder: Path) -> str:
        """NAME.ort, sealed, with the contract inside, and NAME.required_operators_and_types.config."""
        with temporary_folder("ort") as temporary:
            made = _converted(network, temporary)
            whole = seal(made.read_bytes())
            (folder / f"{network.name}.ort").write_bytes(whole)
            (folder / f"{network.name}.{_CONFIG}").write_bytes(made.with_suffix(f".{_CONFIG}").read_bytes())
        return (
            "the file needs the onnxruntime that wrote it or a newer one; a small one is built with "
            "--minimal_build extended --enable_reduced_operator_type_support "
            f"--include_ops_by_config {network.name}.{_CONFIG}"
        )

    def open(self, network: Network, folder: Path) -> tuple[str, Runner]:
        """By the runtime itself."""
        from rnnedge_runtime.engines.onnx_runtime import onnxruntime

        path = folder / f"{network.name}.ort"
        _check_operators(network, path.read_bytes(), folder / f"{network.name}.{_CONFIG}")
        model = load_bytes(path.read_bytes(), path.name, trust="local")
        return f"onnxruntime {onnxruntime.__version__}", StreamRunner(model, network)

    def finish(self, network: Network, folder: Path, proof: Proof) -> None:
        """The file counts as made on this machine."""
        path = folder / f"{network.name}.ort"
        remember(check_seal(path.read_bytes(), path.name))


def _check_operators(network: Network, file: bytes, config: Path) -> None:
    """Raise `VerificationError` where the list of operators lacks one of the network that is still in the file."""
    kinds = {node.op_type for node in onnx.load_from_string(network.data).graph.node} - _ACTIVATIONS
    # As text in a flatbuffer: its length, and a zero behind it.
    kept = {kind for kind in kinds if struct.pack("<I", len(kind)) + kind.encode() + b"\0" in file}
    listed = set(re.findall(r"\w+", config.read_text()))
    if missing := sorted(kept - listed):
        raise VerificationError(f"{config.name}: expected {', '.join(missing)} in the list of operators, found none")


def _converted(network: Network, folder: Path) -> Path:
    """By onnxruntime's tool, which prints and leaves settings behind, and so has a process of its own."""
    source = folder / f"{network.name}.onnx"
    source.write_bytes(network.data)
    options = ["--optimization_style", "Fixed", "--enable_type_reduction", "--output_dir", str(folder)]
    command = [sys.executable, "-m", _TOOL, *options, str(source)]
    ran = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    made = source.with_suffix(".ort")
    if ran.returncode or not made.is_file():
        lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ProviderError(f"{network.name} for ort: {_TOOL} failed: {lines[-1] if lines else ran.returncode}")
    return made
