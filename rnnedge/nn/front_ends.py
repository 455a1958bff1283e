"""What stands before the recurrent layers, by kind. A new one is a module, and a line in each of the two places below.

Every front end is a module with `forward(x, state=None) -> (y, state)`, x and y (batch, time, feature), `out_features`,
and `output_frames(frames)`, how many frames so many give. Its state is a tensor of the frames that are still needed,
(batch, frame, feature).
"""

from __future__ import annotations

from torch import nn

from rnnedge.nn.log_mel import LogMel, LogMelFrames

FrontEnd = LogMel


def build_front_end(config: FrontEnd, inputs: int) -> nn.Module:
    """The module of a front end over `inputs` features. Raises `ValueError` where it is not for so many."""
    if inputs != 1:
        raise ValueError(f"log_mel: expected audio, which has 1 feature, found {inputs}")
    return LogMelFrames(config)
