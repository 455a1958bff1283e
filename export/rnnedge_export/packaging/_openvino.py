"""OpenVINO: an IR whose states are variables of the model; nothing but the frames goes in and out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from rnnedge_export.packaging._calls import CallRunner
from rnnedge_export.packaging._network import Network, Proof, Runner
from rnnedge_export.packaging._self_contained import self_contained
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import MissingExtra, ProviderError

if TYPE_CHECKING:
    from rnnedge_export.packaging._self_contained import SelfContained

# On processors with bfloat16 OpenVINO computes with that otherwise, and is wrong by some thousandths.
_CONFIG = {"INFERENCE_PRECISION_HINT": "f32"}


class OpenVino:
    """The kind `openvino`."""

    name = "openvino"
    summary = "OpenVINO: a stateful IR (.xml and .bin), reset by reset_state()"

    def write(self, network: Network, folder: Path) -> str:
        """NAME.xml, NAME.bin."""
        ov = _openvino()
        graph = self_contained(network, single=True)
        try:
            model = ov.Core().read_model(graph.model)
            manager = ov.passes.Manager()
            manager.register_pass(ov.passes.MakeStateful({state.input: state.output for state in graph.states}))
            manager.run_passes(model)
            ov.save_model(model, str(folder / f"{network.name}.xml"), compress_to_fp16=False)
        except RuntimeError as error:
            raise _refused(network, error) from error
        _check_xml(network, folder / f"{network.name}.xml")
        return (
            "compile the model with INFERENCE_PRECISION_HINT=f32: where the processor has bfloat16, OpenVINO computes "
            "with that otherwise"
        )

    def open(self, network: Network, folder: Path) -> tuple[str, Runner]:
        """On the processor of this machine."""
        ov = _openvino()
        graph = self_contained(network, single=True)
        try:
            compiled = ov.Core().compile_model(str(folder / f"{network.name}.xml"), "CPU", _CONFIG)
        except RuntimeError as error:
            raise _refused(network, error) from error
        request = compiled.create_infer_request()
        version = str(ov.__version__).partition("-")[0]
        runner = CallRunner(
            network.contract, graph, lambda arrays: _called(request, graph, arrays), request.reset_state
        )
        return f"OpenVINO {version}", runner

    def finish(self, network: Network, folder: Path, proof: Proof) -> None:
        """Nothing."""


def _check_xml(network: Network, path: Path) -> None:
    """Raise `ProviderError` for what is no XML: OpenVINO writes names as they are, and reads them back."""
    try:
        ElementTree.parse(path)
    except ElementTree.ParseError as error:
        raise ProviderError(
            f"{network.name} for openvino: a name in the file holds a character that XML does not have ({error}); "
            "export it with other names"
        ) from error


def _called(request: Any, graph: SelfContained, arrays: dict[str, Array]) -> Mapping[str, Array]:
    found = request.infer(arrays)
    return {tensor.name: found[tensor.name] for tensor in graph.outputs}


def _openvino() -> Any:
    try:
        import openvino
        import openvino.passes
    except ImportError as error:
        raise MissingExtra("package: needs openvino; pip install 'rnnedge[openvino]'") from error
    return openvino


def _refused(network: Network, error: RuntimeError) -> ProviderError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = next((line for line in reversed(lines) if not line.startswith("Exception from")), type(error).__name__)
    return ProviderError(f"{network.name} for openvino: OpenVINO does not take it: {reason}; run it with onnxruntime")
