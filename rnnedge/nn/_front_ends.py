"""What stands before the recurrent layers, by kind. A new one is a module, and a line in each of the two places below.

Every front end is a module with `forward(x, state=None) -> (y, state)`, x and y (batch, time, feature), `out_features`,
and `output_frames(frames)`, how many frames that many give. Its state is a tensor of the frames that are still needed,
(batch, frame, feature).
"""

from __future__ import annotations

from typing import Annotated, Any

from torch import nn

from rnnedge.audio._log_mel import LogMel, LogMelFrames
from rnnedge.nn._convolution import CausalConv1d, CausalConv2d, Conv1d, Conv2d
from rnnedge_runtime.errors import InputError


class _ByKind:
    """Tells pydantic, where it is there, that `kind` decides: a wrong key is then one of that kind alone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic import Field

        return handler.generate_schema(Annotated[source, Field(discriminator="kind")])


FrontEnd = Annotated[LogMel | Conv1d | Conv2d, _ByKind()]


def build_front_end(config: LogMel | Conv1d | Conv2d, inputs: int, before: nn.Module | None = None) -> nn.Module:
    """The module of a front end over `inputs` features, which come from the front end `before` it.

    Raises `InputError` where it is not for that many.
    """
    if isinstance(config, Conv1d):
        return CausalConv1d(config, inputs)
    if isinstance(config, Conv2d):
        return CausalConv2d(config, inputs, before.maps if isinstance(before, CausalConv2d) else 1)
    if inputs != 1:
        raise InputError(f"log_mel: expected audio, which has 1 feature, found {inputs}")
    return LogMelFrames(config)
