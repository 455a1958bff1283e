"""Streams a NumPy file through `rnnedge serve --grpc-port 8001` with Triton's own client library, in two ways.

`python triton_sequences.py localhost:8001 words x.npy` needs tritonclient[grpc], and nothing of rnnedge.
"""

from __future__ import annotations

import queue
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np


def sequences(triton: Any, place: str, model: str, frames: np.ndarray[Any, Any], size: int = 10) -> Iterator[Any]:
    """The first output of `frames` (time, ...), sent `size` at a time: request by request, then in a stream."""
    client = triton.InferenceServerClient(place)
    about = client.get_model_metadata(model)
    name, output = about.inputs[0].name, about.outputs[0].name
    starts = range(0, len(frames), size)

    def asked(at: int) -> dict[str, Any]:
        part = frames[None, at : at + size].astype(np.float32)
        given = triton.InferInput(name, part.shape, "FP32")
        given.set_data_from_numpy(part)
        edges = {"sequence_start": at == 0, "sequence_end": at == starts[-1]}
        return {"model_name": model, "inputs": [given], **edges}

    yield np.concatenate([client.infer(**asked(at), sequence_id=7).as_numpy(output)[0] for at in starts])

    said: queue.Queue[Any] = queue.Queue()
    client.start_stream(callback=lambda result, error: said.put((result, error)))
    for at in starts:
        client.async_stream_infer(**asked(at), sequence_id="door")
    found = []
    for _ in starts:
        result, error = said.get(timeout=60)
        if error is not None:
            raise error
        found.append(result.as_numpy(output)[0])
    client.stop_stream()
    client.close()
    yield np.concatenate(found)


if __name__ == "__main__":
    import tritonclient.grpc

    for values in sequences(tritonclient.grpc, sys.argv[1], sys.argv[2], np.load(sys.argv[3])):
        print(values.shape, values.argmax(axis=1))  # noqa: T201
