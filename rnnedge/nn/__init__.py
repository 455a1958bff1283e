"""Recurrent networks whose every module is `forward(x, state=None) -> (y, state)`."""

from rnnedge.nn.elman import SigmoidRNN
from rnnedge.nn.network import CELLS, OUTPUTS, NetworkConfig, RecurrentNetwork
from rnnedge.nn.time_loop import time_loop

__all__ = ["CELLS", "OUTPUTS", "NetworkConfig", "RecurrentNetwork", "SigmoidRNN", "time_loop"]
