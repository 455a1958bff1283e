"""Operators that a file may use: data, written by `python -m rnnedge_export.graph.runtime_table`.

To change it, change the table of operators in `rnnedge_export.graph.operator_rows`, and run that again.
"""

from __future__ import annotations

STRICT = frozenset(
    """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift BitwiseAnd
    BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape Conv ConvTranspose
    Cos Cosh CumSum DepthToSpace Div Dropout Elu Equal Erf Exp Expand Flatten Floor GRU Gather GatherElements
    GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid
    HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LSTM LayerNormalization LeakyRelu Less LessOrEqual
    Log LogSoftmax LpNormalization MatMul Max MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg Not Or
    PRelu Pad Pow QuantizeLinear RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence Round Scan
    ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign
    SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where Xor
    com.microsoft::DynamicQuantizeLSTM com.microsoft::MatMulIntegerToFloat com.microsoft::MatMulNBits
    """.split()
)
FILLS = frozenset(
    """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh BatchNormalization BitShift BitwiseAnd BitwiseNot
    BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Concat Conv Cos Cosh CumSum Div Dropout Elu Equal Erf Exp
    Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater
    GreaterOrEqual GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LSTM
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul Max Mean
    MeanVarianceNormalization Min Mish Mod Mul Neg Not Or PRelu Pow QuantizeLinear RNN Reciprocal ReduceL1 ReduceL2
    ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
    ReverseSequence Round ScatterElements ScatterND Selu Shrink Sigmoid Sign Sin Sinh Size Softmax Softplus
    Softsign SpaceToDepth Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Transpose Trilu Unsqueeze Where Xor
    com.microsoft::DynamicQuantizeLSTM com.microsoft::MatMulIntegerToFloat com.microsoft::MatMulNBits
    """.split()
)
"""Operators that give elements wherever their inputs have some, or an error; others may leave nothing."""

Elementwise = dict[str, tuple[tuple[int, int], tuple[str, ...], str]]
"""By operator: least and most inputs, attributes that are numbers, and the type of the result."""
POINTWISE: Elementwise = {
    "Abs": ((1, 1), (), "same"),
    "Acos": ((1, 1), (), "same"),
    "Acosh": ((1, 1), (), "same"),
    "Asin": ((1, 1), (), "same"),
    "Asinh": ((1, 1), (), "same"),
    "Atan": ((1, 1), (), "same"),
    "Atanh": ((1, 1), (), "same"),
    "BitwiseNot": ((1, 1), (), "same"),
    "Ceil": ((1, 1), (), "same"),
    "Celu": ((1, 1), ("alpha",), "same"),
    "Cos": ((1, 1), (), "same"),
    "Cosh": ((1, 1), (), "same"),
    "Elu": ((1, 1), ("alpha",), "same"),
    "Erf": ((1, 1), (), "same"),
    "Exp": ((1, 1), (), "same"),
    "Floor": ((1, 1), (), "same"),
    "HardSigmoid": ((1, 1), ("alpha", "beta"), "same"),
    "HardSwish": ((1, 1), (), "same"),
    "Identity": ((1, 1), (), "same"),
    "IsNaN": ((1, 1), (), "bool"),
    "LeakyRelu": ((1, 1), ("alpha",), "same"),
    "Log": ((1, 1), (), "same"),
    "Mish": ((1, 1), (), "same"),
    "Neg": ((1, 1), (), "same"),
    "Not": ((1, 1), (), "bool"),
    "Reciprocal": ((1, 1), (), "same"),
    "Relu": ((1, 1), (), "same"),
    "Round": ((1, 1), (), "same"),
    "Selu": ((1, 1), ("alpha", "gamma"), "same"),
    "Shrink": ((1, 1), ("bias", "lambd"), "same"),
    "Sigmoid": ((1, 1), (), "same"),
    "Sign": ((1, 1), (), "same"),
    "Sin": ((1, 1), (), "same"),
    "Sinh": ((1, 1), (), "same"),
    "Softplus": ((1, 1), (), "same"),
    "Softsign": ((1, 1), (), "same"),
    "Sqrt": ((1, 1), (), "same"),
    "Tan": ((1, 1), (), "same"),
    "Tanh": ((1, 1), (), "same"),
    "ThresholdedRelu": ((1, 1), ("alpha",), "same"),
}
BROADCASTING: Elementwise = {
    "Add": ((2, 2), (), "same"),
    "And": ((2, 2), (), "bool"),
    "BitwiseAnd": ((2, 2), (), "same"),
    "BitwiseOr": ((2, 2), (), "same"),
    "BitwiseXor": ((2, 2), (), "same"),
    "Div": ((2, 2), (), "same"),
    "Equal": ((2, 2), (), "bool"),
    "Greater": ((2, 2), (), "bool"),
    "GreaterOrEqual": ((2, 2), (), "bool"),
    "Less": ((2, 2), (), "bool"),
    "LessOrEqual": ((2, 2), (), "bool"),
    "Max": ((1, 65536), (), "same"),
    "Mean": ((1, 65536), (), "same"),
    "Min": ((1, 65536), (), "same"),
    "Mul": ((2, 2), (), "same"),
    "Or": ((2, 2), (), "bool"),
    "Sub": ((2, 2), (), "same"),
    "Sum": ((1, 65536), (), "same"),
    "Xor": ((2, 2), (), "bool"),
}
