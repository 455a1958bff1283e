"""A number that is not finite is seen in every input, however many there are, on both engines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
import pytest
from both_engines import ENGINES, Pair, frames_of, tried
from native_library import compile_library
from onnx import TensorProto, helper

from rnnedge_export.stamp import stamp
from rnnedge_runtime import Model, load
from rnnedge_runtime.contract import Clock, Contract, Golden, Port

# A call of a library has 64 bits.
COUNTS = (64, 66)


def _total(count: int) -> bytes:
    """A file whose output is the sum of `count` inputs."""
    names = [f"x{k}" for k in range(count)]
    inputs = tuple(Port(name, "float32", ("batch", 1, 2), 0, 1, clock=Clock()) for name in names)
    output = Port("y", "float32", ("batch", 1, 2), 0, 1, clock=Clock())
    golden = Golden(
        {name: np.ones((2, 2), np.float32) for name in names}, {"y": np.full((2, 2), count, np.float32)}, 1e-5
    )
    contract = Contract(inputs, (output,), (), "step", 20, chunk=1, golden=golden)
    nodes = [
        helper.make_node("Add", ["x0" if k == 1 else f"t{k - 1}", f"x{k}"], ["y" if k == count - 1 else f"t{k}"])
        for k in range(1, count)
    ]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1, 2]) for name in (*names, "y")]
    graph = helper.make_graph(nodes, "total", value[:-1], value[-1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return stamp(ir.from_proto(model), contract)


@pytest.fixture(scope="module", params=COUNTS)
def total(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Each of them."""
    path = tmp_path_factory.mktemp("total") / "many.onnx"
    path.write_bytes(_total(request.param))
    compile_library(path.read_bytes(), path.parent, block=2, stem=path.stem)
    return Pair(*(load(path, trust="local", provider=provider) for provider in ENGINES))


@pytest.mark.parametrize("batch", [1, 3])
def test_it_is_seen_in_every_input_of_every_sequence(total: Pair, batch: int) -> None:
    """In a step, and in any frame of a push: refused, with the name of the input; finite numbers pass."""
    names = [port.name for port in total.cpu.contract.inputs]
    count = len(names)

    def scenario(model: Model) -> Iterator[object]:
        stream = model.stream(batch)
        for place, bad in zip(
            sorted({0, 1, count // 2, 62, 63, count - 2, count - 1}), [np.nan, np.inf, -np.inf] * 3, strict=False
        ):
            for sequence in {0, batch - 1}:
                x = frames_of(model, 5, place, batch)
                yield stream.push(x)
                for frame in (0, 4):
                    wrong = {name: array.copy() for name, array in x.items()}
                    wrong[names[place]].reshape(batch, 5, 2)[sequence, frame, 1] = bad
                    said = tried(lambda wrong=wrong: stream.push(wrong))
                    assert isinstance(said, str) and repr(names[place]) in said, said
                    yield said
                for name, view in stream.inputs.items():
                    view[...] = x[name][..., :1, :]
                yield stream.step()
                stream.inputs[names[place]].reshape(batch, 2)[sequence, 1] = bad
                said = tried(stream.step)
                assert isinstance(said, str) and repr(names[place]) in said, said
                yield said

    total.check(scenario)
