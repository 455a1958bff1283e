"""What values of the offline graph come to: run on random input instead of guessing from patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from rnnedge_runtime.contract import Array
from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.engines.optimizers import leave_out


class Offline:
    """An offline graph with dims "batch" and "time", whose inner values can be asked for by name."""

    def __init__(self, model: ir.Model) -> None:
        """Nothing is computed yet."""
        self._model = model
        self._sessions: dict[tuple[str, ...], Any] = {}

    def evaluate(self, names: Sequence[str], batch: int, time: int, *, seed: int | None = None) -> list[Array]:
        """The named values for `batch` sequences of `time` frames: zeros, or normal numbers where a seed is given.

        Tokens are 0, or 1 with a seed: every vocabulary has those.
        """
        session = self._session(tuple(names))
        rng = None if seed is None else np.random.default_rng(seed)
        feeds: dict[str, Array] = {}
        for port in session.get_inputs():
            shape = [{"batch": batch, "time": time}.get(d, d) for d in port.shape]
            if "int64" in port.type:
                feeds[port.name] = np.full(shape, int(rng is not None), np.int64)
            else:
                feeds[port.name] = (
                    np.zeros(shape, np.float32) if rng is None else rng.standard_normal(shape, np.float32)
                )
        return list(session.run(None, feeds))

    def _session(self, names: tuple[str, ...]) -> Any:
        if names not in self._sessions:
            part = self._model.clone()
            values = {v.name: v for node in part.graph for v in node.outputs} | dict(part.graph.initializers)
            del part.graph.outputs[:]
            for name in names:
                node = ir.Node("", "Identity", [values[name]])
                node.outputs[0].name = f"{name}_evaluated"
                node.outputs[0].type = values[name].type
                part.graph.append(node)
                part.graph.outputs.append(node.outputs[0])
            ir.passes.common.RemoveUnusedNodesPass()(part)
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            leave_out(options)
            self._sessions[names] = onnxruntime.InferenceSession(
                ir.to_proto(part).SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[names]
