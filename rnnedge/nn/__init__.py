"""Recurrent networks whose every module is `forward(x, state=None) -> (y, state)`."""

from rnnedge.nn.cells import CELLS
from rnnedge.nn.config import OUTPUTS, NetworkConfig
from rnnedge.nn.elman import SigmoidRNN
from rnnedge.nn.lstm import VariantLSTM
from rnnedge.nn.network import RecurrentNetwork
from rnnedge.nn.time_loop import time_loop

__all__ = ["CELLS", "OUTPUTS", "NetworkConfig", "RecurrentNetwork", "SigmoidRNN", "VariantLSTM", "time_loop"]
