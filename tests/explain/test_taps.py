"""Inner values as outputs of a file: `export(..., taps=...)`."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import gate_equations
import numpy as np
import onnx
import pytest
import quickly
import torch
from exported import loaded_strictly
from in_one_test import in_one_test
from torch import nn

from examples.networks import small as networks
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge_export.streaming.recurrent import STATE_NAMES
from rnnedge_runtime import ContractError, ModelRefused, Tap, VerificationError, load
from rnnedge_runtime.contract_json import as_dict, dump, parse
from rnnedge_runtime.golden import stream_all

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}
FRAMES = 21


class First(nn.Module):
    """The first result of a recurrence."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x)[0]


def frames(width: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A random sequence."""
    return np.random.default_rng(seed).standard_normal((FRAMES, width)).astype(np.float32)


@pytest.fixture(scope="module")
def tapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GRU of 3 features and 4 units that shows its gates."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("tapped") / "m.onnx"
    quickly.export(nn.GRU(3, 4, batch_first=True), torch.zeros(1, 4, 3), path, taps=("gates",))
    return path


@pytest.mark.parametrize(("cell", "form"), [("gru", "step"), ("lstm", None)])
def test_streamed_taps_are_the_equations_of_the_cell(cell: str, form: str | None, tmp_path: Path) -> None:
    """Every state and gate of every layer, pushed in odd pieces, equals numpy's in float64."""
    torch.manual_seed(2)
    module = CELLS[cell](3, 5, 2, batch_first=True)
    report = quickly.export(module, torch.zeros(1, 4, 3), tmp_path / "m.onnx", form=form, taps=("gates", "state"))
    model = loaded_strictly(tmp_path / "m.onnx")
    x = frames(3)
    found = stream_all(model.stream(), x, [1, 2, 9, 9, 14])
    layers = gate_equations.stack(module, x.astype(np.float64))
    prefix = type(module).__name__.lower()
    expected = {f"tap.{prefix}.l{i}.{n}": values for i, layer in enumerate(layers) for n, values in layer.items()}
    assert {tap.output for tap in report.contract.taps} == set(expected)
    assert report.contract.form == (form or "scan")
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=2e-6, err_msg=name)
    with torch.no_grad():
        np.testing.assert_allclose(found["y"], module(torch.from_numpy(x)[None])[0][0].numpy(), rtol=0, atol=2e-6)


def test_without_taps_the_file_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    """Taps that nobody asked for leave no trace, neither in the graph nor in the contract."""
    module, example = networks.build("gru-1")
    quickly.export(module, example, tmp_path / "a.onnx")
    quickly.export(module, example, tmp_path / "b.onnx", taps=())
    quickly.export(module, example, tmp_path / "c.onnx", taps=("state",))
    plain = (tmp_path / "a.onnx").read_bytes()
    assert plain == (tmp_path / "b.onnx").read_bytes()
    assert plain != (tmp_path / "c.onnx").read_bytes()
    contract = load(tmp_path / "a.onnx").contract
    assert "taps" not in as_dict(contract) and contract.results == contract.outputs


@pytest.mark.parametrize("batch", [1, 3])
def test_push_gives_a_dict_by_name_and_the_contract_says_which_are_taps(batch: int, tapped: Path) -> None:
    """A file with taps has several outputs; `contract.results` are those that the network has by itself."""
    model = load(tapped)
    taps = model.contract.taps
    assert [port.name for port in model.contract.results] == ["y"]
    assert taps[1] == Tap("tap.gru.l0.update_gate", "gru.l0", "GRU", "gate", "update_gate")
    pushed = model.stream(batch).push(np.zeros((6, 3) if batch == 1 else (batch, 6, 3), np.float32))
    assert isinstance(pushed, dict)
    assert list(pushed) == ["y", *(tap.output for tap in taps)]
    assert {array.shape for array in pushed.values()} == {(6, 4) if batch == 1 else (batch, 6, 4)}


def test_the_hidden_state_of_a_gru_needs_no_other_form(tmp_path: Path) -> None:
    """What the native operator gives anyway stays native, in any form that is asked for."""
    module = nn.GRU(3, 4, batch_first=True)
    report = quickly.export(module, torch.zeros(1, 4, 3), tmp_path / "m.onnx", form="native", taps=("state",))
    assert report.contract.form == "native"
    assert [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node].count("GRU") == 1
    x = frames(3)
    found = stream_all(load(tmp_path / "m.onnx").stream(), x)
    np.testing.assert_array_equal(found["tap.gru.l0.hidden"], found["y"])


def test_a_tap_of_a_network_with_a_front_and_a_residual(tmp_path: Path) -> None:
    """Of a recurrence in the middle of a network, and the names of its states stay what they are without taps."""
    module, example = networks.build("lstm-2")
    report = quickly.export(module, example, tmp_path / "m.onnx", taps=("gates", "state"), form="unrolled")
    assert [s.input for s in report.contract.states] == ["rnn.l0.h", "rnn.l0.c", "rnn.l1.h", "rnn.l1.c"]
    assert STATE_NAMES.encode() not in (tmp_path / "m.onnx").read_bytes()
    x = frames(networks.FEATURES)
    with torch.no_grad():
        inner = torch.tanh(module.front(torch.from_numpy(x))).double().numpy()
    found = stream_all(load(tmp_path / "m.onnx").stream(), x)
    for index, layer in enumerate(gate_equations.stack(module.rnn, inner)):
        for name, values in layer.items():
            np.testing.assert_allclose(found[f"tap.rnn.l{index}.{name}"], values, rtol=0, atol=2e-6)


def test_a_hand_written_cell_shows_its_state(tmp_path: Path) -> None:
    """A sigmoid Elman layer is a Scan; its state is its output."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("rnn_sigmoid", 3, 4, 2))
    report = quickly.export(network, torch.zeros(1, 8, 3), tmp_path / "m.onnx", taps=("gates", "state"))
    (tap,) = report.contract.taps
    assert (tap.cell, tap.kind, tap.value) == ("Scan", "state", "hidden")
    x = frames(3)
    found = stream_all(load(tmp_path / "m.onnx").stream(), x, [3, 4])
    with torch.no_grad():
        h, _ = network.hidden(torch.from_numpy(x)[None])
    np.testing.assert_allclose(found[tap.output], h[0].numpy(), rtol=0, atol=1e-6)


def test_a_file_with_taps_verifies_against_its_source(tapped: Path) -> None:
    """`verify` compares the taps too."""
    torch.manual_seed(0)
    assert quickly.verify(tapped, nn.GRU(3, 4, batch_first=True)).passed


def test_a_wrong_gate_is_found_by_the_oracle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The equations are apart from the file: a cell that swaps two gates in the taps alone is refused."""
    from rnnedge_export.forms import cells

    original = cells._gru

    def swapped(*arguments: Any) -> Any:
        memory = original(*arguments)
        gates = dict(memory.gates)
        gates["reset_gate"], gates["update_gate"] = gates["update_gate"], gates["reset_gate"]
        return cells.Memory(memory.h, gates=gates)

    monkeypatch.setattr(cells, "_gru", swapped)
    with pytest.raises(VerificationError, match="parity"):
        quickly.export(nn.GRU(3, 4, batch_first=True), torch.zeros(1, 4, 3), tmp_path / "m.onnx", taps=("gates",))
    assert not (tmp_path / "m.onnx").exists()


def test_an_onnx_file_can_be_tapped(tmp_path: Path) -> None:
    """`convert` shows the gates of a native operator of somebody else's file."""
    torch.manual_seed(0)
    module = nn.GRU(3, 4, batch_first=True)
    with warnings.catch_warnings():
        # torch's old exporter is deprecated, and says so in several ways.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            First(module), (torch.zeros(2, 5, 3),), str(tmp_path / "offline.onnx"), dynamo=False, opset_version=18,
            input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "b", 1: "t"}, "y": {0: "b", 1: "t"}},
        )  # fmt: skip
    report = quickly.convert(tmp_path / "offline.onnx", tmp_path / "m.onnx", taps=("gates", "state"), form="step")
    x = frames(3)
    found = stream_all(load(tmp_path / "m.onnx").stream(), x)
    (expected,) = gate_equations.stack(module, x.astype(np.float64))
    for tap in report.contract.taps:
        np.testing.assert_allclose(found[tap.output], expected[tap.value], rtol=0, atol=2e-6)
    assert quickly.verify(tmp_path / "m.onnx", tmp_path / "offline.onnx").passed


def test_taps_of_an_int8_file_are_those_of_the_narrow_network(tmp_path: Path) -> None:
    """In int8 the taps come in the step form, within the tolerance of the precision."""
    torch.manual_seed(0)
    module = nn.GRU(3, 16, batch_first=True)
    report = quickly.export(module, torch.zeros(1, 4, 3), tmp_path / "m.onnx", precision="int8", taps=("gates",))
    assert report.contract.form == "step" and report.shrunk is not None
    x = frames(3)
    found = stream_all(load(tmp_path / "m.onnx").stream(), x)
    (expected,) = gate_equations.stack(module, x.astype(np.float64))
    errors = [np.abs(found[tap.output] - expected[tap.value]).max() for tap in report.contract.taps]
    assert 0 < max(errors) < 2e-2


@in_one_test(
    ("module", "options", "words"),
    [
        (nn.GRU(3, 4), {"taps": ("gates",), "form": "native"}, ["gru.l0", "hides the reset gate", "scan, unrolled or"]),
        (nn.LSTM(3, 4), {"taps": ("state",), "form": "native"}, ["lstm.l0", "hides the cell"]),
        (nn.RNN(3, 4), {"taps": ("gates",)}, ["has no gates", "taps=('state',)"]),
        (nn.Linear(3, 4), {"taps": ("state",)}, ["has no state", "forward recurrences"]),
        (nn.GRU(3, 4), {"taps": ("gate",)}, ["taps", "gates or state", "'gate'"]),
    ],
    ids=["native-gates", "native-cell", "no-gates", "no-recurrence", "unknown"],
)  # fmt: skip
def test_taps_that_cannot_be_are_refused(
    module: nn.Module, options: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    """In one line that says what is missing and what to ask for, and nothing is written."""
    with pytest.raises(ModelRefused) as caught:
        quickly.export(module, torch.zeros(5, 1, 3), tmp_path / "m.onnx", batch_axis=1, time_axis=0, **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert not (tmp_path / "m.onnx").exists()


@in_one_test("taps", [[{"output": "nobody"}], [{"kind": "weight"}], [{}], [{"value": 3}], {"a": 1}])
def test_a_contract_with_wrong_taps_is_refused(taps: Any, tapped: Path) -> None:
    """A tap that is no output, an unknown kind, a missing or a wrong field."""
    entries = dump(load(tapped).contract)
    fields = json.loads(entries["rnnedge.contract"])
    right = fields["taps"][0]
    fields["taps"] = [{**right, **tap} if tap else {} for tap in taps] if isinstance(taps, list) else taps
    with pytest.raises(ContractError, match=r"taps|malformed"):
        parse({**entries, "rnnedge.contract": json.dumps(fields)}, "m.onnx")
    assert parse(entries, "m.onnx").taps
