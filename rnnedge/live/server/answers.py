"""How a server answers: JSON for clients that send JSON, records for those that send records.

A record of outputs is little-endian: 4 bytes "RNO1", u32 number of the stream, u32 number of the output, u32 how many
frames, u32 how many bytes of values, u64 number of the input frame that the first belongs to, f64 its time, then the
values in the dtype of the output.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from rnnedge.live.predictions import short
from rnnedge.live.server.batch import Answers
from rnnedge.live.server.served import RecordSink
from rnnedge.live.session import Outputs
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.scores import scores_of_port

ANSWER = struct.Struct("<4sIIIIQd")
_HEAD = [
    ("magic", "S4"), ("stream", "<u4"), ("output", "<u4"), ("frames", "<u4"), ("bytes", "<u4"), ("first", "<u8"),
    ("time_s", "<f8"),
]  # fmt: skip
# Bytes of a message of answers, if there are several.
MESSAGE_BYTES = 1 << 18
# What asks a client whether it is there.
PING = b"\x89\x00"
# The first bytes of a frame of WebSocket, by the length of what it carries (RFC 6455, 5.2).
_SHORT, _MEDIUM = 126, 1 << 16


class AnswerFormat:
    """Answers of one model; shared by all sockets."""

    def __init__(self, contract: Contract) -> None:
        self._outputs = {
            port.name: (i, np.dtype(port.dtype).newbyteorder("<")) for i, port in enumerate(contract.outputs)
        }

    def record(self, stream: int, outputs: Outputs) -> bytes:
        """One record."""
        index, wire = self._outputs[outputs.name]
        values = outputs.values.astype(wire).tobytes()
        begins = (int(outputs.frames[0]), float(outputs.times_s[0]))
        return ANSWER.pack(b"RNO1", stream, index, len(outputs.values), len(values), *begins) + values

    def messages(self, answers: Answers) -> Iterator[tuple[RecordSink, bytes, int]]:
        """Records of neighbours that go to one sink, together, and how many they are."""
        data, size = self._records(answers)
        most = max(MESSAGE_BYTES // size, 1)
        sinks, begin = answers.sinks, 0
        for end in range(1, len(sinks) + 1):
            if end == len(sinks) or sinks[end] is not sinks[begin] or end - begin == most:
                yield sinks[begin], data[begin * size : end * size], end - begin
                begin = end

    def _records(self, answers: Answers) -> tuple[bytes, int]:
        index, wire = self._outputs[answers.output]
        rows, count = len(answers.sinks), len(answers.values[0])
        values = np.concatenate(answers.values).reshape(rows, -1)
        found = np.empty(rows, [*_HEAD, ("values", wire, values.shape[1:])])
        found["magic"], found["output"], found["frames"] = b"RNO1", index, count
        found["stream"], found["first"], found["time_s"] = answers.numbers, answers.firsts, answers.times_s
        found["values"], found["bytes"] = values, values.shape[1] * wire.itemsize
        return found.tobytes(), found.itemsize

    def json(self, stream: int, outputs: Outputs) -> str:
        """One JSON object; numbers that JSON does not have are null."""
        values = [[short(v) if np.isfinite(v) else None for v in row.reshape(-1)] for row in outputs.values]
        fields: dict[str, Any] = {"output": outputs.name, "frames": outputs.frames.tolist()}
        fields |= {"times_s": outputs.times_s.tolist(), "values": values}
        return json.dumps({"type": "outputs", "stream": stream, **fields})


def in_a_frame(data: bytes) -> bytes:
    """A whole binary message of a server, which has no mask."""
    size = len(data)
    if size < _SHORT:
        return bytes((0x82, size)) + data
    if size < _MEDIUM:
        return b"\x82\x7e" + size.to_bytes(2, "big") + data
    return b"\x82\x7f" + size.to_bytes(8, "big") + data


def described(model: Model, shares: Mapping[str, float]) -> str:
    """What a client has to know of the model, as JSON: `GET /v1/model`; `shares` of new streams by digest.

    Values are sent as the network gives them; `scores` of an output says what makes probabilities of them.
    """
    contract = model.contract
    port = contract.inputs[0]
    outputs = [
        {
            "name": p.name,
            "dtype": p.dtype,
            "shape": list(p.frame_shape),
            "per_frame": p.per_frame,
            "scores": scores_of_port(contract, p),
        }
        for p in contract.outputs
    ]
    fields = {"input": {"dtype": port.dtype, "shape": list(port.frame_shape)}, "outputs": outputs}
    more = {"labels": list(contract.labels), "frame_rate_hz": contract.frame_rate_hz, "lookahead": contract.lookahead}
    head = {"schema": "rnnedge.serve.model", "schema_version": 1, "digest": model.digest, "shares": dict(shares)}
    return json.dumps({**head, **fields, **more})
