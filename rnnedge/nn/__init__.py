"""Recurrent networks whose every module is `forward(x, state=None) -> (y, state)`."""

from rnnedge.nn._attention import Attention, WindowAttention
from rnnedge.nn._config import OUTPUTS, NetworkConfig
from rnnedge.nn._connections import CONNECTIONS
from rnnedge.nn._convolution import CausalConv1d, CausalConv2d, Conv1d, Conv2d
from rnnedge.nn._lru import LRU
from rnnedge.nn._network import RecurrentNetwork
from rnnedge.nn.cells import CELLS
from rnnedge.nn.elman import SigmoidRNN
from rnnedge.nn.linear_scan import linear_recurrence
from rnnedge.nn.lstm import VariantLSTM
from rnnedge.nn.minimal import MinGRU, MinLSTM
from rnnedge.nn.time_loop import time_loop

__all__ = [
    "CELLS",
    "CONNECTIONS",
    "LRU",
    "OUTPUTS",
    "Attention",
    "CausalConv1d",
    "CausalConv2d",
    "Conv1d",
    "Conv2d",
    "MinGRU",
    "MinLSTM",
    "NetworkConfig",
    "RecurrentNetwork",
    "SigmoidRNN",
    "VariantLSTM",
    "WindowAttention",
    "linear_recurrence",
    "time_loop",
]
