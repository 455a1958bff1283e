"""Recurrent networks whose every module is `forward(x, state=None) -> (y, state)`."""

from rnnedge.nn.attention import Attention, WindowAttention
from rnnedge.nn.cells import CELLS
from rnnedge.nn.config import OUTPUTS, NetworkConfig
from rnnedge.nn.connections import CONNECTIONS
from rnnedge.nn.convolution import CausalConv1d, CausalConv2d, Conv1d, Conv2d
from rnnedge.nn.elman import SigmoidRNN
from rnnedge.nn.lstm import VariantLSTM
from rnnedge.nn.network import RecurrentNetwork
from rnnedge.nn.time_loop import time_loop

__all__ = [
    "CELLS",
    "CONNECTIONS",
    "OUTPUTS",
    "Attention",
    "CausalConv1d",
    "CausalConv2d",
    "Conv1d",
    "Conv2d",
    "NetworkConfig",
    "RecurrentNetwork",
    "SigmoidRNN",
    "VariantLSTM",
    "WindowAttention",
    "time_loop",
]
