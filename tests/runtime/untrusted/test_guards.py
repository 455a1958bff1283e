"""What only a run can show, such as how few frames a cut leaves, is an error and not the end of the process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bombs import GOLDEN, with_nodes
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rnnedge_runtime import ModelRefused
from rnnedge_runtime.engines._ort import _FAILURES
from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.untrusted import LIMITS
from rnnedge_runtime.untrusted.policy import check_policy

_node = helper.make_node
QUIET, LOUD = "0.5", "1000"
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def flag() -> list[onnx.NodeProto]:
    """Gives `loud` (int64), which is 1 where a frame is above 100, as no frame of the golden sample is, else 0."""
    return [
        _node("ReduceMax", ["x"], ["most"], keepdims=0),
        _node("Greater", ["most", "hundred"], ["is_loud"]),
        _node("Cast", ["is_loud"], ["loud"], to=TensorProto.INT64),
    ]


def file_of(nodes: list[onnx.NodeProto], path: Path, **constants: Any) -> Path:
    """The golden file, beside which `nodes` compute a "result" that changes nothing."""
    last = [
        _node("Cast", ["result"], ["as_float"], to=TensorProto.FLOAT),
        _node("ReduceMax", ["as_float"], ["largest"], keepdims=0),
        _node("Mul", ["largest", "zero"], ["bomb"]),
    ]
    numbers = {"hundred": np.float32(100), "zero": np.float32(0), "one": np.int64(1), "three": np.int64(3)}
    path.write_bytes(with_nodes([*flag(), *nodes, *last], **numbers, **constants))
    return path


def tried(pushes: Iterable[tuple[Path, str]], *how: str) -> tuple[int, list[str]]:
    """Exit status of a process that loads files and pushes a number to each, and its word for each of them."""
    script = Path(__file__).with_name("try_push.py")
    command = [sys.executable, str(script), *how, *(str(word) for push in pushes for word in push)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    return done.returncode, done.stdout.split()


def check(files: Mapping[str, Path], loud: str) -> None:
    """A quiet push to each file is one, and a loud one is `loud`; no push ends the process."""
    code, words = tried((path, number) for path in files.values() for number in (QUIET, LOUD))
    assert dict(zip(files, zip(words[::2], words[1::2], strict=True), strict=False)) == dict.fromkeys(
        files, ("pushed", loud)
    )
    assert code == 0


def divided(operator: str, kind: int, path: Path) -> Path:
    """The least number divided by 3, or by -1 where the input is loud."""
    least = np.iinfo(helper.tensor_dtype_to_np_dtype(kind)).min
    nodes = [
        _node("Mul", ["loud", "four"], ["change"]),
        _node("Sub", ["three", "change"], ["wide"]),
        _node("Cast", ["wide"], ["divisor"], to=kind),
        _node(operator, ["least", "divisor"], ["result"]),
    ]
    return file_of(nodes, path, four=np.int64(4), least=helper.tensor_dtype_to_np_dtype(kind).type(least))


def recurrent(operator: str, axis: int, path: Path) -> Path:
    """A recurrence over 3 frames of 3 sequences; where it is loud, none along `axis`, which is 2 for the features."""
    gates = GATES[operator]
    nodes = [
        _node("Mul", ["loud", "three"], ["cut"]),
        _node("Sub", ["three", "cut"], ["left"]),
        _node("Reshape", ["left", "vector"], ["end"]),
        _node("Slice", ["cube", "start", "end", "axis"], ["frames"]),
        _node("Slice", ["w", "start", "end", "axis"], ["columns"]),
        _node(operator, ["frames", "columns" if axis == 2 else "w", "r"], ["all", "last"], hidden_size=4),
        _node("ReduceSum", ["last"], ["result"], keepdims=0),
    ]
    return file_of(
        nodes, path, vector=np.array([1]), start=np.array([0]), axis=np.array([axis]),
        cube=np.ones((3, 3, 3), np.float32), w=np.ones((1, 4 * gates, 3), np.float32),
        r=np.ones((1, 4 * gates, 4), np.float32),
    )  # fmt: skip


def test_the_least_number_by_minus_one_ends_no_process(tmp_path: Path) -> None:
    """Neither in a push nor, with another divisor, before it."""
    cases = [(operator, kind) for operator in ("Div", "Mod") for kind in (TensorProto.INT32, TensorProto.INT64)]
    check({f"{case}": divided(*case, tmp_path / f"{k}.onnx") for k, case in enumerate(cases)}, "pushed")


def test_a_recurrence_over_nothing_ends_no_process(tmp_path: Path) -> None:
    """No frames, no sequences, or no features, as the frames of a push say."""
    cases = [(operator, axis) for operator in GATES for axis in (0, 1, 2)]
    check({f"{case}": recurrent(*case, tmp_path / f"{k}.onnx") for k, case in enumerate(cases)}, "error")


def normalized(shape: tuple[int, ...], cut: int, path: Path) -> Path:
    """An instance normalization, of whose last axis nothing is left where it is loud."""
    nodes = [
        _node("Mul", ["loud", "cut"], ["less"]),
        _node("Sub", ["size", "less"], ["left"]),
        _node("Reshape", ["left", "vector"], ["end"]),
        _node("Slice", ["ones", "start", "end", "axis"], ["x_cut"]),
        _node("InstanceNormalization", ["x_cut", "scale", "scale"], ["normal"]),
        _node("ReduceSum", ["normal"], ["result"], keepdims=0),
    ]
    return file_of(
        nodes, path, cut=np.int64(shape[cut]), size=np.int64(shape[cut]), vector=np.array([1]), start=np.array([0]),
        axis=np.array([cut]), ones=np.ones(shape, np.float32), scale=np.ones(shape[1], np.float32),
    )  # fmt: skip


def test_a_normalization_of_nothing_ends_no_process(tmp_path: Path) -> None:
    """Of any number of axes, whichever is empty."""
    cases = [((2, 3, 4), 2), ((2, 3, 4, 5), 2), ((2, 3, 4, 5), 3)]
    check({f"{case}": normalized(*case, tmp_path / f"{k}.onnx") for k, case in enumerate(cases)}, "error")


@pytest.mark.skipif(sys.platform == "win32", reason="statuses of signals")
def test_each_ends_a_process_without_guards(tmp_path: Path) -> None:
    """Where onnxruntime does so no more, there can be fewer guards."""
    for path in (
        divided("Div", TensorProto.INT64, tmp_path / "a"),
        recurrent("GRU", 0, tmp_path / "b"),
        normalized((2, 3, 4), 2, tmp_path / "c"),
    ):
        code, words = tried([(path, QUIET), (path, LOUD)], "unguarded")
        assert (code < 0, words) == (True, ["pushed"])


def quotients(operator: str, dtype: str, divisor: NDArray[Any] | None, dividend: NDArray[Any], **more: int) -> bytes:
    """A file with one division, by an input or by a constant."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    inputs = [helper.make_tensor_value_info(name, kind, ["n"]) for name in ("a", "b")]
    constants = [] if divisor is None else [numpy_helper.from_array(divisor, "b")]
    graph = helper.make_graph([_node(operator, ["a", "b"], ["y"], **more)], "g", inputs[: 2 - len(constants)],
                              [helper.make_tensor_value_info("y", kind, ["n"])], constants)  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("constant", [False, True])
def test_guarded_divisions_give_what_they_gave(dtype: str, constant: bool) -> None:
    """Quotients are cut towards zero, remainders have the sign of the divisor, or with fmod that of the dividend."""
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    dividend = np.array([7, -7, 7, -7, 0, most, most, least, least + 1, 5], dtype)
    divisor = np.array([2, 2, -2, -2, -1, -1, 3, 2, -1, -1], dtype)
    exact = [int(a) / int(b) if abs(int(a)) < 1 << 40 else 0 for a, b in zip(dividend, divisor, strict=True)]
    expected = {
        ("Div", 0): [int(q) if q else abs(int(a)) // abs(int(b)) * (1 if (a < 0) == (b < 0) else -1)
                     for q, a, b in zip(exact, dividend, divisor, strict=True)],
        ("Mod", 0): [int(a) % int(b) for a, b in zip(dividend, divisor, strict=True)],
        ("Mod", 1): np.fmod(dividend, divisor),
    }  # fmt: skip
    for (operator, fmod), values in expected.items():
        more = {"fmod": fmod} if operator == "Mod" else {}
        data = quotients(operator, dtype, divisor if constant else None, dividend, **more)
        guarded = check_policy(data, LIMITS)
        assert guarded != data
        given = {"a": dividend} if constant else {"a": dividend, "b": divisor}
        session = onnxruntime.InferenceSession(guarded, providers=["CPUExecutionProvider"])
        np.testing.assert_array_equal(session.run(None, given)[0], np.array(values, dtype))


def test_divisions_in_a_body_are_guarded() -> None:
    """A running sum of quotients in a Scan, whose constants are those of the graph around it or its own."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [_node("Div", ["least", "each"], ["quotient"]), _node("Add", ["sum", "quotient"], ["sum_next"])], "body",
        [value("sum", TensorProto.INT64, []), value("each", TensorProto.INT64, [])],
        [value("sum_next", TensorProto.INT64, [])],
    )  # fmt: skip
    constants = {"least": np.int64(-(1 << 63)), "start": np.int64(0)}
    graph = helper.make_graph(
        [_node("Scan", ["start", "x"], ["y"], body=body, num_scan_inputs=1)], "g",
        [value("x", TensorProto.INT64, ["n"])], [value("y", TensorProto.INT64, [])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )  # fmt: skip
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()
    session = onnxruntime.InferenceSession(check_policy(data, LIMITS), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.array([2, 1, 4])})[0] == -(1 << 62) - (1 << 61) + -(1 << 63) + (1 << 64)
    assert session.run(None, {"x": np.array([-1])})[0] == -(1 << 63)


def test_a_file_without_need_of_guards_is_opened_as_it_is() -> None:
    """The recurrence of the golden file reads the frames of the caller; a division by 2 traps nobody."""
    golden = GOLDEN.read_bytes()
    assert check_policy(golden, LIMITS) is golden
    data = quotients("Div", "int64", np.array([2, 3]), np.array([1, 2]))
    assert check_policy(data, LIMITS) is data


@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose"])
def test_weights_of_a_convolution_have_elements(operator: str) -> None:
    """Constant ones, or such as are compared with a kernel_shape: a kernel of 0 runs for ever."""

    def convolution(computed: bool, taps: int, **attributes: list[int]) -> bytes:
        weights = numpy_helper.from_array(np.ones((4, 4, taps), np.float32), "w")
        cut = [numpy_helper.from_array(np.array([number]), name) for name, number in (("from", 0), ("to", 4))]
        nodes = [_node("Slice", ["w", "from", "to"], ["cut"])] if computed else []
        nodes.append(_node(operator, ["x", "cut" if computed else "w"], ["y"], **attributes))
        ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 4, "t"]) for name in "xy"]
        graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], [weights, *cut])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]).SerializeToString()

    for good in (convolution(False, 3), convolution(True, 3, kernel_shape=[3])):
        check_policy(good, LIMITS)
    for bad in (convolution(False, 0), convolution(False, 0, kernel_shape=[3]), convolution(True, 3)):
        with pytest.raises(ModelRefused, match="expected weights that are constant and not empty, or a kernel_shape"):
            check_policy(bad, LIMITS)


def of_any_rank(operator: str, opset: int, inputs: dict[str, NDArray[Any]], **attributes: int | str) -> bytes:
    """A file with a node over an input whose number of axes only a run shows."""
    names = ["x", *inputs]
    nodes = [_node("Reshape", ["given", "axes"], ["x"]), _node(operator, names, ["y"], **attributes)]
    ports = [helper.make_tensor_value_info("given", TensorProto.FLOAT, ["n"]),
             helper.make_tensor_value_info("axes", TensorProto.INT64, ["m"])]  # fmt: skip
    constants = [numpy_helper.from_array(array, name) for name, array in inputs.items()]
    graph = helper.make_graph(nodes, "g", ports, [onnx.ValueInfoProto(name="y")], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10).SerializeToString()


def test_a_reversed_sequence_has_two_axes() -> None:
    """A vector is an error of the run; more axes are as they were."""
    data = of_any_rank("ReverseSequence", 20, {"lengths": np.array([2, 3])}, batch_axis=0, time_axis=1)
    session = onnxruntime.InferenceSession(check_policy(data, LIMITS), providers=["CPUExecutionProvider"])
    given = np.arange(6, dtype=np.float32)
    reversed_ = np.array([1, 0, 2, 5, 4, 3], np.float32)
    for axes in ([2, 3], [2, 3, 1], [2, 3, 1, 1]):
        found = session.run(None, {"given": given, "axes": np.array(axes)})[0]
        np.testing.assert_array_equal(found, reversed_.reshape(axes))
    with pytest.raises(_FAILURES):
        session.run(None, {"given": given[:2], "axes": np.array([2])})


def test_a_name_of_a_guard_is_refused() -> None:
    """So no file can take the place of one."""
    model = onnx.ModelProto.FromString(quotients("Div", "int64", None, np.array([1])))
    model.graph.node[0].output[0] = model.graph.output[0].name = "rnnedge.guard.1"
    with pytest.raises(ModelRefused, match=r"no name that begins with 'rnnedge\.guard\.'"):
        check_policy(model.SerializeToString(), LIMITS)


def test_nodes_out_of_order_are_refused() -> None:
    """Types are known in order only."""
    model = onnx.ModelProto.FromString(quotients("Div", "int64", None, np.array([1])))
    model.graph.node[0].input[1] = "later"
    model.graph.node.append(_node("Neg", ["b"], ["later"]))
    with pytest.raises(ModelRefused, match="expected inputs that are there before the node, found 'later'"):
        check_policy(model.SerializeToString(), LIMITS)
