"""How a server answers: JSON for clients that send JSON, records for those that send records.

A record of outputs is little-endian: 4 bytes "RNO1", u32 number of the stream, u32 number of the output, u32 how many
frames, u32 how many bytes of values, u64 number of the input frame that the first belongs to, f64 its time, then the
values in the dtype of the output.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from rnnedge.live.predictions import short
from rnnedge.live.session import Outputs
from rnnedge_runtime.contract import Contract

ANSWER = struct.Struct("<4sIIIIQd")


class AnswerFormat:
    """Answers of one model; shared by all sockets."""

    def __init__(self, contract: Contract) -> None:
        self._outputs = {
            port.name: (i, np.dtype(port.dtype).newbyteorder("<")) for i, port in enumerate(contract.outputs)
        }
        self._labels = contract.labels

    def record(self, stream: int, outputs: Outputs) -> bytes:
        """One record."""
        index, wire = self._outputs[outputs.name]
        values = outputs.values.astype(wire).tobytes()
        begins = (int(outputs.frames[0]), float(outputs.times_s[0]))
        return ANSWER.pack(b"RNO1", stream, index, len(outputs.values), len(values), *begins) + values

    def json(self, stream: int, outputs: Outputs) -> str:
        """One JSON object; numbers that JSON does not have are null."""
        values = [[short(v) if np.isfinite(v) else None for v in row.reshape(-1)] for row in outputs.values]
        fields: dict[str, Any] = {"output": outputs.name, "frames": outputs.frames.tolist()}
        fields |= {"times_s": outputs.times_s.tolist(), "values": values}
        return json.dumps({"type": "outputs", "stream": stream, **fields})


def described(contract: Contract) -> str:
    """What a client has to know of the model, as JSON: `GET /v1/model`."""
    port = contract.inputs[0]
    outputs = [
        {"name": p.name, "dtype": p.dtype, "shape": list(p.frame_shape), "per_frame": p.per_frame}
        for p in contract.outputs
    ]
    fields = {"input": {"dtype": port.dtype, "shape": list(port.frame_shape)}, "outputs": outputs}
    more = {"labels": list(contract.labels), "frame_rate_hz": contract.frame_rate_hz, "lookahead": contract.lookahead}
    return json.dumps({"schema": "rnnedge.serve.model", "schema_version": 1, **fields, **more})
