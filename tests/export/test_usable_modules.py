"""What no capture can take is refused before it, by the name of its part and with what to export instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import rnnedge_export
from rnnedge_export.session import ExportOptions
from rnnedge_export.sources import of_module
from rnnedge_runtime.errors import ModelRefused

pytestmark = [
    # torch says of torch.jit and of torch.ao that they are old; here they are what somebody brings.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
_X = torch.zeros(2, 5, 6)


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(6, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0])


def _dynamic(*kinds: type[nn.Module]) -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(Tagger().eval(), set(kinds), dtype=torch.qint8)


def _static() -> nn.Module:
    stubs = torch.ao.quantization
    net = nn.Sequential(stubs.QuantStub(), nn.Linear(6, 6), stubs.DeQuantStub()).eval()
    net.qconfig = stubs.default_qconfig
    stubs.prepare(net, inplace=True)
    net(_X)
    return stubs.convert(net)


def _prepared() -> nn.Module:
    net = Tagger().train()
    net.rnn.qconfig, net.head.qconfig = None, torch.ao.quantization.default_qat_qconfig
    return torch.ao.quantization.prepare_qat(net)


def _without_values() -> nn.Module:
    with torch.device("meta"):
        return Tagger()


def _sparse() -> nn.Module:
    net = Tagger()
    net.head.weight = nn.Parameter(net.head.weight.detach().to_sparse(), requires_grad=False)
    return net


def _compiled(module: nn.Module) -> nn.Module:
    # The usual backend takes twenty seconds to be imported.
    return torch.compile(module, backend="eager")


REFUSED: dict[str, tuple[Callable[[Path], nn.Module], str]] = {
    "a script of a layer alone": (lambda _: torch.jit.script(nn.LSTM(6, 8)), "TorchScript .* without one forward"),
    "a scripted part": (
        lambda _: nn.Sequential(torch.jit.script(nn.Linear(6, 6)), Tagger()), r"^0 \(RecursiveScriptModule\): is Torch"
    ),
    "an exported program": (
        lambda _: torch.export.export(Tagger().eval(), (_X,)).module(), "is a program of torch.export"
    ),
    "dynamically quantized": (lambda _: _dynamic(nn.GRU, nn.Linear), r"^rnn \(GRU\): is quantized; .*precision=.int8"),
    "a quantized part": (lambda _: _dynamic(nn.Linear), r"^head \(Linear\): is quantized"),
    "statically quantized": (lambda _: _static(), "is quantized"),
    "prepared": (lambda _: _prepared(), r"^head \(Linear\): is prepared for quantization"),
    "without values": (lambda _: _without_values(), "^rnn.weight_ih_l0: expected weights with values"),
    "sparse": (lambda _: _sparse(), "^head.weight: expected a dense weight"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_captured_says_what_to_export(name: str, tmp_path: Path) -> None:
    """In one line, before anything is computed, by `export` and by `verify`; no file appears."""
    make, words = REFUSED[name]
    net = make(tmp_path)
    with pytest.raises(ModelRefused, match=words):
        rnnedge_export.export(net, _X, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()
    with pytest.raises(ModelRefused, match=words):
        rnnedge_export.verify(Path(__file__).parents[1] / "data" / "golden_gru.onnx", net)


@pytest.mark.parametrize("wrap", [_compiled, nn.DataParallel, torch.optim.swa_utils.AveragedModel])
def test_what_wraps_a_module_is_looked_through(wrap: Callable[[nn.Module], nn.Module]) -> None:
    """Compiled, for several devices, and averaged: captured as the module inside."""
    with of_module(wrap(Tagger()), _X, say=lambda stage: None) as session:
        assert session.candidate(ExportOptions(), "net").contract.states[0].shape == (1, "batch", 8)


def _fused() -> nn.Module:
    layers = nn.Sequential(nn.Linear(6, 6), nn.ReLU()).eval()
    return torch.ao.quantization.fuse_modules(layers, ["0", "1"])


def _stubs() -> nn.Module:
    return nn.Sequential(torch.ao.quantization.QuantStub(), nn.Linear(6, 6), torch.ao.quantization.DeQuantStub())


def _of_two_modes() -> nn.Module:
    graph = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5))).train()
    graph.get_submodule("1").eval()
    return graph


@pytest.mark.parametrize("make", [_fused, _stubs, _of_two_modes])
def test_a_float_module_is_taken_and_left_in_its_modes(make: Callable[[], nn.Module]) -> None:
    """Fused for a quantization that has not come, with stubs for it, and a graph of torch.fx."""
    net = make()
    modes = [part.training for part in net.modules()]
    with of_module(net, _X, say=lambda stage: None) as session:
        assert not session.candidate(ExportOptions(), "net").contract.states
    assert [part.training for part in net.modules()] == modes


class _Fails(nn.Module):
    """What an attribute of a user's class may do to whoever looks at it."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def state_dict(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        raise AttributeError("there is no such thing")


def test_what_nobody_thought_of_is_an_error_of_ours(tmp_path: Path) -> None:
    """It names the network and its own reason, and says that it is a defect."""
    with pytest.raises(ModelRefused, match=r"^_Fails: internal error: AttributeError: there is .*defect of rnnedge"):
        rnnedge_export.export(_Fails(), _X, tmp_path / "net.onnx")


def test_a_callback_ends_an_export_with_its_own_exception(tmp_path: Path) -> None:
    """It is no defect, and no file appears."""

    class Cancelled(Exception):
        pass

    def cancel(stage: str) -> None:
        raise Cancelled(stage)

    with pytest.raises(Cancelled):
        rnnedge_export.export(Tagger(), _X, tmp_path / "net.onnx", progress=cancel)
    assert not (tmp_path / "net.onnx").exists()
