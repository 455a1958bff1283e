"""Offline graphs of random networks, joined from the captured graphs of their layers.

Capturing a network costs seconds and a layer's graph is the same in every network: so each layer of the pool is
captured once, and a network is their graphs in a row, with the lengths of each written in those of the one before.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from functools import cache

import onnx
import onnx_ir as ir
import onnx_ir.passes.common
import torch
from made_once import made_once
from onnx import compose, helper
from random_networks import CHANNELS, CONTEXT, VARIANTS, Layer, build, pool, reads_context
from torch import Tensor, nn

from rnnedge_export.capture import Captured, Example, Extra, ModuleAdapter, capture, read_example
from rnnedge_export.graph.lengths import Lengths

Z = Extra("z", torch.linspace(-1, 1, CONTEXT)[None], 0)
"""The value per sequence of those that take one."""


def example_of(layers: tuple[Layer, ...]) -> tuple[tuple[Tensor, ...], Example]:
    """What a network is called with, (batch, time, channel) first, and the same as the exporter reads it."""
    frames = torch.zeros(1, 48, CHANNELS)
    given = (frames, Z.value) if reads_context(layers) else (frames,)
    return given, read_example(given, 0, 1, build(layers))


class _Pool(nn.Module):
    """Every layer on the same input."""

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(build((layer,)).blocks[0] for layer in layers)

    def forward(self, x: Tensor, z: Tensor) -> dict[str, Tensor]:
        return {f"y{i}": layer(x, z) for i, layer in enumerate(self.layers)}


def _captured(layer: Layer) -> ir.Model:
    """The graph of a layer: (batch, channel, time) in and out."""
    return _captured_together(pool().index(layer) % VARIANTS)[layer]


@cache
def _captured_together(variant: int) -> dict[Layer, ir.Model]:
    layers = pool()[variant::VARIANTS]
    stored = pickle.loads(made_once(f"layers-{variant}", lambda: pickle.dumps(_capture(layers))))
    return {layer: ir.from_proto(onnx.ModelProto.FromString(data)) for layer, data in zip(layers, stored, strict=True)}


def _capture(layers: tuple[Layer, ...]) -> list[bytes]:
    """Of each layer, a graph by itself: a quarter of a minute for one of each kind."""
    example = read_example((torch.zeros(1, CHANNELS, 48), Z.value), 0, 2, _Pool(layers))
    whole = capture(ModuleAdapter(_Pool(layers).eval(), example), example, 20).model
    return [ir.to_proto(part).SerializeToString() for part in _parts(whole)]


def _parts(model: ir.Model) -> Iterator[ir.Model]:
    """A graph of each output: halves of halves, as a copy of the whole for each would take as long as the capture."""
    count = len(model.graph.outputs)
    if count == 1:
        yield model
        return
    for kept in (slice(0, count // 2), slice(count // 2, count)):
        half = model.clone()
        half.graph.outputs[:] = list(half.graph.outputs)[kept]
        ir.passes.common.RemoveUnusedNodesPass()(half)
        yield from _parts(half)


def composed(layers: tuple[Layer, ...]) -> Captured:
    """The offline graph of a network: (batch, time, channel) in and out."""
    whole = _transpose("begin", "x", "channels_first", "time", (0, 2, 1))
    length = "time"
    for index, layer in enumerate(layers):
        block = ir.to_proto(_renamed(_captured(layer).clone(), f"l{index}_", length))
        length = block.graph.output[0].type.tensor_type.shape.dim[2].dim_param
        joint = [(whole.graph.output[0].name, block.graph.input[0].name)]
        whole = compose.merge_models(whole, block, joint)
    end = _transpose("end", "w", "y", length, (0, 2, 1))
    whole = compose.merge_models(whole, end, [(whole.graph.output[0].name, "w")])
    contexts = (Z,) if reads_context(layers) else ()
    return Captured(_one_context(ir.from_proto(whole)), 0, 1, {}, Lengths(_least(layers)), contexts)


def _one_context(model: ir.Model) -> ir.Model:
    """Every layer that reads the value per sequence reads the same one."""
    first: ir.Value | None = None
    for value in list(model.graph.inputs)[1:]:
        if first is not None:
            ir.convenience.replace_all_uses_with(value, first)
        if first is not None or not value.uses():
            model.graph.inputs.remove(value)
        else:
            first, value.name = value, Z.name
    return model


def _renamed(model: ir.Model, prefix: str, length: str) -> ir.Model:
    """With names of its own, and its length written in those of the layer before."""
    graphs = [model.graph, *model.graph.subgraphs()]
    values = {value for graph in graphs for value in (*graph.inputs, *graph.initializers.values())}
    values |= {value for graph in graphs for node in graph for value in node.outputs}
    for value in values:
        value.name = prefix + str(value.name)
        if value.shape is not None:
            value.shape = ir.Shape(
                d if isinstance(d, int) else re.sub(r"\btime\b", f"({length})", str(d)) for d in value.shape
            )
    for node in model.graph.all_nodes():
        node.name = prefix + str(node.name)
    return model


def _least(layers: tuple[Layer, ...]) -> int:
    """The shortest sequence that gives a frame in PyTorch."""
    network = build(layers)
    for length in range(1, 200):
        try:
            with torch.no_grad():
                if network(torch.zeros(1, length, CHANNELS), Z.value).shape[1]:
                    return length
        # torch refuses what is too short for a window in several ways.
        except (RuntimeError, IndexError):
            continue
    raise AssertionError(layers)


def _transpose(name: str, given: str, made: str, length: str, perm: tuple[int, ...]) -> onnx.ModelProto:
    dims: list[str | int] = ["batch", length, CHANNELS] if name == "begin" else ["batch", CHANNELS, length]
    ports = [
        helper.make_tensor_value_info(given, 1, dims),
        helper.make_tensor_value_info(made, 1, [dims[i] for i in perm]),
    ]
    graph = helper.make_graph(
        [helper.make_node("Transpose", [given], [made], perm=perm, name=name)], name, *[[p] for p in ports]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
