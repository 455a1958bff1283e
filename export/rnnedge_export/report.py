"""What an export gives back."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rnnedge_export.precision import Shrunk
from rnnedge_export.streaming import Step
from rnnedge_export.verification import Verification
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.describe import html, in_a_line


@dataclass(frozen=True)
class Report:
    """A file that was written, what it promises, the proof, and the way that the time axis took through the network.

    `shrunk`: in fewer bits than float32, what became of the layers, how far it drifts, and how fast it is. `seconds`:
    how long the whole export took.
    """

    path: Path
    digest: str
    size_bytes: int
    contract: Contract
    verification: Verification
    steps: tuple[Step, ...] = ()
    shrunk: Shrunk | None = None
    seconds: float = 0.0

    def __repr__(self) -> str:
        """One line: the file, its inputs and outputs, what the proof found."""
        contract = self.contract
        kind = f"{contract.form} {contract.precision}, {self.size_bytes:,} bytes"
        return f"<rnnedge Report of {str(self.path)!r}: {in_a_line(contract)}; {kind}; {self.verification.in_words}>"

    def _repr_html_(self) -> str:
        """Tables for a notebook."""
        more = [("size", f"{self.size_bytes:,} bytes"), ("sha256", self.digest), ("proof", self.verification.in_words)]
        return html(f"Export {self.path}", self.contract, more) + self.verification._repr_html_()

    @property
    def proof_share(self) -> float:
        """The part of `seconds` that the checks took."""
        return self.verification.seconds / self.seconds if self.seconds else 0.0


def packages() -> dict[str, str]:
    """The versions that made a file, for its provenance."""
    return {package: version(package) for package in ("rnnedge", "torch", "onnx", "onnxscript", "onnxruntime")}
