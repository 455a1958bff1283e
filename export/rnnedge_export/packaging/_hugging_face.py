"""A repository of the Hugging Face Hub: the file as it is, and a model card of what is known of it."""

from __future__ import annotations

import json
from pathlib import Path

from rnnedge_export.packaging._model_card import card
from rnnedge_export.packaging._network import Network, Proof, Runner
from rnnedge_export.packaging._stream_runner import StreamRunner
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.contract_json import as_dict
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.hub import MODEL
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.measure import measure_latency

_FACTS = "rnnedge.json"
_ATTRIBUTES = "*.onnx filter=lfs diff=lfs merge=lfs -text\n"
# Enough for a median that another run repeats, and short where a push takes a millisecond.
_PUSHES, _WARMUP = 2000, 200


class HuggingFace:
    """The kind `huggingface`."""

    name = "huggingface"
    summary = "the Hugging Face Hub: the file, and a model card from contract, proof and bench"

    def write(self, network: Network, folder: Path) -> str:
        """The file, the same bytes; the card comes after the proof."""
        (folder / MODEL).write_bytes(network.data)
        (folder / ".gitattributes").write_text(_ATTRIBUTES)
        return "the card names no licence, and says nothing of the data: add both before you upload the folder"

    def open(self, network: Network, folder: Path) -> tuple[str, Runner]:
        """By the runtime itself."""
        from rnnedge_runtime.engines.onnx_runtime import onnxruntime

        model = load_bytes((folder / MODEL).read_bytes(), network.name, trust="local")
        return f"onnxruntime {onnxruntime.__version__}", StreamRunner(model, network)

    def finish(self, network: Network, folder: Path, proof: Proof) -> None:
        """README.md, and the same facts as JSON."""
        latency = measure_latency(load_bytes(network.data, network.name, trust="local"), _PUSHES, _WARMUP)
        facts = {
            "name": network.name,
            "sha256": network.digest,
            "contract": as_dict(network.contract),
            "proof": vars(proof),
            "bench": latency.summary(),
        }
        (folder / _FACTS).write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        (folder / "README.md").write_text(card(network, proof, latency), encoding="utf-8")
        _check(network, folder)


def _check(network: Network, folder: Path) -> None:
    """Raise `VerificationError` where the file is another one than that of which the facts and the card speak."""
    digest = check_seal((folder / MODEL).read_bytes(), MODEL)
    said = json.loads((folder / _FACTS).read_text(encoding="utf-8"))["sha256"]
    if {digest, said} != {network.digest} or network.digest not in (folder / "README.md").read_text(encoding="utf-8"):
        raise VerificationError(f"{network.name}: expected {network.digest} in {_FACTS} and README.md, found {said}")
