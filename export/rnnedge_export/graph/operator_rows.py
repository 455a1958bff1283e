"""The rows of the operator table (see `operators.py`): name, first opset, kind, and the parts that take it."""

ROWS = """
Abs                        1 pointwise    streams strict fills native
Acos                       7 pointwise    streams strict fills native
Acosh                      9 pointwise    streams strict fills native
Add                        1 broadcasting streams lengths strict fills native
And                        1 broadcasting streams strict fills native
ArgMax                     1 argument     streams strict fills native
ArgMin                     1 argument     streams strict fills native
Asin                       7 pointwise    streams strict fills native
Asinh                      9 pointwise    streams strict fills native
Atan                       7 pointwise    streams strict fills native
Atanh                      9 pointwise    streams strict fills native
AveragePool                1 own          streams strict native
BatchNormalization         1 own          streams strict fills native
BitShift                  11 broadcasting streams strict fills native
BitwiseAnd                18 broadcasting streams strict fills native
BitwiseNot                18 pointwise    streams strict fills native
BitwiseOr                 18 broadcasting streams strict fills native
BitwiseXor                18 broadcasting streams strict fills native
Cast                       1 pointwise    streams lengths strict fills native
CastLike                  15 own          strict fills
Ceil                       1 pointwise    streams lengths strict fills native
Celu                      12 pointwise    streams strict fills native
Clip                       1 pointwise    streams strict fills native
Col2Im                    18 own          decomposed
Concat                     1 own          streams lengths strict fills native
Constant                   1 own          strict
ConstantOfShape            9 own          strict
Conv                       1 own          streams strict fills native
ConvTranspose              1 own          streams strict native
Cos                        7 pointwise    streams strict fills native
Cosh                       9 pointwise    streams strict fills native
CumSum                    11 own          streams strict fills native
DFT                       17 own          decomposed
DepthToSpace               1 own          streams strict native
Div                        1 broadcasting streams lengths strict fills native
Dropout                    1 pointwise    streams strict fills native
Einsum                    12 own          decomposed
Elu                        1 pointwise    streams strict fills native
Equal                      1 broadcasting streams lengths strict fills native
Erf                        9 pointwise    streams strict fills native
Exp                        1 pointwise    streams strict fills native
Expand                     8 own          streams strict native
Flatten                    1 own          strict fills native
Floor                      1 pointwise    streams lengths strict fills native
GRU                        1 own          streams strict fills native
Gather                     1 own          streams lengths strict fills native
GatherElements            11 own          streams strict fills native
GatherND                  11 own          decomposed strict fills
Gelu                      20 pointwise    streams strict fills native
Gemm                       1 own          streams strict fills native
GlobalAveragePool          1 own          strict fills native
GlobalMaxPool              1 own          strict fills native
Greater                    1 broadcasting streams strict fills native
GreaterOrEqual            12 broadcasting streams strict fills native
GroupNormalization        18 own          streams strict fills native
HardSigmoid                1 pointwise    streams strict fills native
HardSwish                 14 pointwise    streams strict fills native
Hardmax                    1 along-axis   streams strict fills native
Identity                   1 pointwise    streams lengths strict fills native
InstanceNormalization      1 own          streams strict fills native
IsInf                     10 pointwise    streams strict fills native
IsNaN                      9 pointwise    streams strict fills native
LSTM                       1 own          streams strict fills native
LayerNormalization        17 trailing     streams strict fills native
LeakyRelu                  1 pointwise    streams strict fills native
Less                       1 broadcasting streams strict fills native
LessOrEqual               12 broadcasting streams strict fills native
Log                        1 pointwise    streams strict fills native
LogSoftmax                 1 along-axis   streams strict fills native
LpNormalization            1 along-axis   streams strict fills native
MatMul                     1 own          streams strict fills native
Max                        1 broadcasting streams lengths strict fills native
MaxPool                    1 own          streams strict native
Mean                       1 broadcasting streams strict fills native
MeanVarianceNormalization  9 own          streams strict fills native
Min                        1 broadcasting streams lengths strict fills native
Mish                      18 pointwise    streams strict fills native
Mod                       10 broadcasting streams lengths strict fills native
Mul                        1 broadcasting streams lengths strict fills native
Neg                        1 pointwise    streams lengths strict fills native
Not                        1 pointwise    streams strict fills native
Or                         1 broadcasting streams strict fills native
PRelu                      1 broadcasting streams strict fills native
Pad                        1 own          streams strict native
Pow                        1 broadcasting streams strict fills native
QuantizeLinear            10 own          strict fills native
RNN                        1 own          streams strict fills native
Range                     11 own          strict
Reciprocal                 1 pointwise    streams strict fills native
ReduceL1                   1 reduction    streams strict fills native
ReduceL2                   1 reduction    streams strict fills native
ReduceLogSum               1 reduction    streams strict fills native
ReduceLogSumExp            1 reduction    streams strict fills native
ReduceMax                  1 reduction    streams strict fills native
ReduceMean                 1 reduction    streams strict fills native
ReduceMin                  1 reduction    streams strict fills native
ReduceProd                 1 reduction    streams strict fills native
ReduceSum                  1 reduction    streams strict fills native
ReduceSumSquare            1 reduction    streams strict fills native
Relu                       1 pointwise    streams strict fills native
Reshape                    1 own          streams lengths strict fills native
Resize                    10 own          streams strict native
ReverseSequence           10 own          strict fills
Round                     11 pointwise    streams strict fills native
STFT                      17 own          decomposed
Scan                       8 own          streams strict
ScatterElements           11 own          streams strict fills native
ScatterND                 11 own          strict fills
Selu                       1 pointwise    streams strict fills native
Shape                      1 own          strict
Shrink                     9 pointwise    streams strict fills native
Sigmoid                    1 pointwise    streams strict fills native
Sign                       9 pointwise    streams strict fills native
Sin                        7 pointwise    streams strict fills native
Sinh                       9 pointwise    streams strict fills native
Size                       1 own          strict fills
Slice                      1 own          streams lengths strict native
Softmax                    1 along-axis   streams strict fills native
Softplus                   1 pointwise    streams strict fills native
Softsign                   1 pointwise    streams strict fills native
SpaceToDepth               1 own          streams strict fills native
Split                      1 own          streams strict native
Sqrt                       1 pointwise    streams strict fills native
Squeeze                    1 own          streams lengths strict fills native
Sub                        1 broadcasting streams lengths strict fills native
Sum                        1 broadcasting streams strict fills native
Tan                        7 pointwise    streams strict fills native
Tanh                       1 pointwise    streams strict fills native
ThresholdedRelu           10 pointwise    streams strict fills native
Tile                       1 own          streams strict native
TopK                       1 own          streams strict native
Transpose                  1 own          streams strict fills native
Trilu                     14 own          streams strict fills native
Unsqueeze                  1 own          streams lengths strict fills native
Where                      9 broadcasting streams lengths strict fills native
Xor                        1 broadcasting streams strict fills native
com.microsoft::DynamicQuantizeLSTM    1 own          strict fills native
com.microsoft::MatMulIntegerToFloat   1 own          strict fills native
com.microsoft::MatMulNBits            1 own          streams strict fills native
"""
