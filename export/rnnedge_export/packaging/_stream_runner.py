"""A package that the runtime itself opens: its stream as a `Runner`."""

from __future__ import annotations

from collections.abc import Mapping

from rnnedge_export.codegen._pushes import pushed
from rnnedge_export.packaging._network import Network
from rnnedge_runtime.contract import Array
from rnnedge_runtime.contract_json import as_dict
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.model import Model


class StreamRunner:
    """A `Runner` over the streams of a model, which has to promise what `network` does."""

    def __init__(self, model: Model, network: Network) -> None:
        """Raises `VerificationError` for another contract."""
        said, expected = as_dict(model.contract), as_dict(network.contract)
        if wrong := next((key for key in {**expected, **said} if said.get(key) != expected.get(key)), None):
            raise VerificationError(
                f"{network.name}: expected the contract of the file in its package, found another {wrong!r}; "
                "keep to the file itself, and report it"
            )
        self._model, self._stream = model, model.stream()

    def push(self, frames: Mapping[str, Array]) -> Mapping[str, Array]:
        """As `Runner.push`."""
        return pushed(self._stream, frames)

    def reset(self, context: Mapping[str, Array] | None = None) -> None:
        """As `Runner.reset`."""
        if context is not None or self._model.contract.contexts:
            self._stream = self._model.stream(context=context)
        self._stream.reset()
