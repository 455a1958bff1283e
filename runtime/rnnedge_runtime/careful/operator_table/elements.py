"""Operators that give elements wherever their inputs have some, or an error; others may leave nothing."""

from __future__ import annotations

KEEP_ELEMENTS = frozenset(
    """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh BatchNormalization BitShift BitwiseAnd BitwiseNot
    BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Concat Conv Cos Cosh CumSum Div Dropout Elu Equal Erf Exp Flatten
    Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
    GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LSTM LayerNormalization
    LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul Max Mean MeanVarianceNormalization Min Mish Mod Mul
    Neg Not Or PRelu Pow QuantizeLinear RMSNormalization RNN Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
    ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape ReverseSequence Round
    ScatterElements ScatterND Selu Shrink Sigmoid Sign Sin Sinh Size Softmax Softplus Softsign SpaceToDepth Sqrt Squeeze
    Sub Sum Swish Tan Tanh ThresholdedRelu Transpose Trilu Unsqueeze Where Xor com.microsoft::DynamicQuantizeLSTM
    com.microsoft::MatMulIntegerToFloat com.microsoft::MatMulNBits
    """.split()
)
