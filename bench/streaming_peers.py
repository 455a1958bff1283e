"""Others that stream a network for whole sequences by themselves: tract's pulse mode and continual-inference.

Each takes a module and an example (batch, time, ...), and returns a function of the next frame, or raises in words of
its own where it does not take the network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import nn

from rnnedge_export.capture import ModuleAdapter, capture, read_example
from rnnedge_export.streaming.recurrent import is_zero
from rnnedge_runtime.contract import Array

Step = Callable[[Array], Array]


def tract_pulse(module: nn.Module, example: torch.Tensor, hop: int, folder: Path) -> tuple[Step, int]:
    """tract's pulse mode on the plain offline graph; a call takes `hop` frames. Returns its delay in frames too."""
    import tract

    given = read_example(example, 0, 1)
    path = folder / "offline.onnx"
    ir.save(_without_shapes(capture(ModuleAdapter(module, given), given, 18).model), path)
    model = tract.onnx().load(str(path))
    model.set_input_fact(0, f"1,T,{','.join(map(str, example.shape[2:]))},f32")
    typed = model.into_model()
    typed.transform(tract.Pulse(hop, symbol="T"))
    delay = int(typed.property("pulse.delay").to_numpy().reshape(-1)[0])
    state = typed.into_runnable().spawn_state()

    def step(frames: Array) -> Array:
        found: Array = state.run([frames[None]])[0].to_numpy()
        return found[0]

    return step, delay


def _without_shapes(model: ir.Model) -> ir.Model:
    """As tract likes it: it infers shapes by itself, and zero initial states are those that are left out."""
    for node in model.graph:
        for index in range(5, len(node.inputs) if node.op_type in ("GRU", "LSTM", "RNN") else 5):
            if is_zero(node.inputs[index]):
                node.replace_input_with(index, None)
    ir.passes.common.RemoveUnusedNodesPass()(model)
    for value in (*model.graph.inputs, *(v for node in model.graph.all_nodes() for v in node.outputs)):
        value.shape = None
    return model


def continual(module: nn.Module, example: torch.Tensor, hop: int, folder: Path) -> tuple[Step, int]:
    """continual-inference's own conversion, in eager PyTorch; it has time on the last axis."""
    logging.getLogger("continual").setLevel(logging.ERROR)
    import continual as co

    made: Any = co.continual(module)
    if not isinstance(made, co.CoModule):
        raise TypeError("not converted")

    def step(frames: Array) -> Array:
        with torch.inference_mode():
            y = made.forward_step(torch.from_numpy(frames))
        found: Array = np.empty((0,)) if not isinstance(y, torch.Tensor) else y.numpy()
        return found

    return step, int(made.delay)


PEERS = {"tract, pulse": tract_pulse, "continual-inference": continual}
