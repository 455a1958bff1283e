"""The graph that onnxruntime makes of a quantized file before it runs it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
from onnx import numpy_helper

from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.engines.optimizers import leave_out

# Fusions that change no number of quantized values: what they write has to be taken apart again.
_OTHERS = (
    "AttentionFusion", "BiasGeluFusion", "BiasSoftmaxFusion", "BiasSplitGeluFusion", "ConvActivationFusion",
    "ConvAddActivationFusion", "DynamicQuantizeMatMulFusion", "EmbedLayerNormFusion", "FastGeluFusion",
    "GatherSliceToSplitFusion", "GeluFusionL1", "GeluFusionL2", "GemmActivationFusion", "GroupQueryAttentionFusion",
    "LayerNormFusionL1", "LayerNormFusionL2", "MatMulActivationFusion", "MatMulAddFusion",
    "MatMulIntegerToFloatFusion", "MatMulScaleFusion", "QuickGeluFusion", "SimplifiedLayerNormFusion",
    "SkipLayerNormFusion", "TransposeOptimizer",
)  # fmt: skip


# Of both halves of a byte, if 4 bits.
_USUAL_ZERO = {4: 0x88, 8: 0x80}


def as_run(proto: onnx.ModelProto) -> onnx.ModelProto:
    """`proto` after the optimizations that belong to no processor; as it is where onnxruntime refuses it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    leave_out(options, *_OTHERS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "as_run.onnx"
        options.optimized_model_filepath = str(path)
        try:
            onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        # onnxruntime has a type of its own for every way to refuse a graph.
        except Exception:
            return proto
        written = onnx.load(path)
    _state_products(written)
    return written


def _state_products(proto: onnx.ModelProto) -> None:
    """Weights of few bits, as a file that is not tied to this processor states them."""
    held = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type != "MatMulNBits":
            continue
        kept = [attribute for attribute in node.attribute if attribute.name != "weight_prepacked" or attribute.i]
        del node.attribute[:]
        node.attribute.extend(kept)
        zeros = held.get(node.input[3]) if len(node.input) > 3 else None
        bits = next((attribute.i for attribute in node.attribute if attribute.name == "bits"), 4)
        if zeros is not None and (numpy_helper.to_array(zeros) == _USUAL_ZERO[bits]).all():
            node.input[3] = ""
