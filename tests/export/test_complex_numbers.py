"""Complex tensors are written as pairs of real ones: the same numbers as torch's, operator by operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import quickly
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from rnnedge_export.capture import read_example
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture.complex_numbers import RealPairs, has_complex, spectra_of_frames
from rnnedge_export.capture.loops import unrolled
from rnnedge_export.verification import ModuleOracle
from rnnedge_runtime.errors import ModelRefused

_N = 6


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """torch's exporter warns about itself."""
    with quiet():
        yield


def _assigned(z: Tensor, w: Tensor) -> Tensor:
    """Rows one by one, parts from real tensors, and what a mask chooses."""
    y = torch.empty(z.shape, dtype=z.dtype)
    for t in range(z.shape[1]):
        y[:, t] = z[:, t] * w[:, t]
    y[..., 0], y[..., 1:3] = w.real[..., 0], z.imag[..., 2:4]
    y[:, [0, 2]] = w[:, [1, 3]]
    return y.masked_fill(y.abs() < 0.5, 0)


def _filled(z: Tensor, w: Tensor) -> Tensor:
    """Tensors that follow from no complex one."""
    sizes = (z.shape[0], z.shape[1], _N)
    made = torch.zeros(sizes, dtype=z.dtype) + torch.full((_N,), 1 + 2j) * torch.ones(_N, dtype=z.dtype)
    like = z.new_zeros(sizes) + torch.full_like(z, 0.5j) * z.new_full((_N,), 1j) + z.new_ones(_N)
    return made + like + torch.zeros_like(w.real, dtype=w.dtype) + w @ torch.eye(_N, dtype=z.dtype)


FORMULAS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": lambda z, w: z + 2 * w - 1.5,
    "sum with a real tensor": lambda z, w: w.real + z,
    "difference with alpha": lambda z, w: torch.sub(z, w, alpha=3),
    "real minus complex": lambda z, w: 1 - z,
    "product": lambda z, w: z * w * 1j * w.real,
    "quotient": lambda z, w: z / w / 2 / (1 + 2j),
    "real over complex": lambda z, w: w.real / z,
    "reciprocal": lambda z, w: torch.reciprocal(w),
    "size": lambda z, w: torch.complex(z.abs(), w.angle()),
    "polar": lambda z, w: torch.polar(z.abs(), w.angle()),
    "exponential": lambda z, w: torch.exp(0.3 * z) * torch.exp(1j * w.real),
    "logarithm": lambda z, w: torch.log(z),
    "powers": lambda z, w: z**2 + w.square() + z.pow(3),
    "sign": lambda z, w: torch.sgn(z) + torch.sgn(w * 0),
    "conjugates": lambda z, w: z.conj() * w + (z.conj() @ w.mT).sum() + z.conj().imag,
    "parts": lambda z, w: torch.view_as_complex(torch.view_as_real(z).flip(-1)) + torch.complex(z.imag, w.real),
    "matrix product": lambda z, w: torch.matmul(z, w.transpose(-1, -2)),
    "einsum": lambda z, w: torch.einsum("btf,bsf->bts", z, w.conj()),
    "three in einsum": lambda z, w: torch.einsum("btf,btf,btf->btf", z, w, z.real) + torch.einsum("b...->b...", w),
    "assigned": _assigned,
    "filled": _filled,
    "roots": lambda z, w: z.sqrt() + torch.rsqrt(w) + z**0.3 + (0.9 + 0.1j) ** torch.arange(_N),
    "curves": lambda z, w: z.sin() + w.cos() + (9 * z).tanh() + w.sigmoid(),
    "products": lambda z, w: (z / z.abs()).cumprod(-1) + w.prod(-1, keepdim=True) + torch.addcmul(z, w, z),
    "between": lambda z, w: torch.lerp(z, w, 0.3) + torch.where(z == 0, w, z) + z @ w.adjoint() @ w,
    "lengths of vectors": lambda z, w: z / z.norm(dim=-1, keepdim=True) + torch.linalg.vecdot(z, w)[..., None],
    "joined": lambda z, w: torch.cat([z, w.real, w], -1)[..., 1:-2].roll(1, -1),
    "stacked": lambda z, w: torch.stack([z, w], 1).sum(1) + torch.stack([w, z]).mean(0),
    "chosen": lambda z, w: torch.where(z.real > 0, z, w.real) + w.masked_fill(w.imag > 0, 0),
    "moved": lambda z, w: z.reshape(*z.shape[:-1], 2, 3).transpose(-1, -2).flatten(-2) + w.unsqueeze(1).squeeze(1),
    "padded": lambda z, w: torch.nn.functional.pad(z, (2, 1)).unfold(-1, 4, 1).sum(-1) + w,
    "running sum": lambda z, w: z.cumsum(1) + w.mean(1, keepdim=True),
    "zeros and ones": lambda z, w: torch.zeros_like(z) + torch.ones_like(w),
    "from real": lambda z, w: z.real.to(torch.complex64) * w,
    "rfft, irfft": lambda z, w: torch.fft.rfft(z.real) + torch.fft.irfft(w[..., :4], n=7)[..., :4],
    "odd sizes": lambda z, w: torch.fft.irfft(torch.fft.rfft(z.real, n=9), n=5) + 0j,
    "fft, ifft": lambda z, w: torch.fft.fft(z, norm="ortho") + torch.fft.ifft(w) + torch.fft.fft(w.real),
    "hermitian": lambda z, w: torch.fft.hfft(z, n=10) + torch.fft.ihfft(w.real, n=18),
    "norms": lambda z, w: torch.fft.rfft(z.real, norm="forward") + torch.fft.irfft(w, norm="ortho")[..., :4],
    "other axis": lambda z, w: torch.fft.fft(z.reshape(*z.shape[:-1], 2, 3), dim=-2).flatten(-2),
    "two axes": lambda z, w: torch.fft.irfft2(torch.fft.rfft2(z.real.unflatten(-1, (2, 3)))).flatten(-2) + 0j,
}


class _Each(nn.Module):
    """Every formula, of two complex tensors that stand beside each other as (batch, time, 4 * _N) real numbers."""

    def forward(self, x: Tensor) -> list[Tensor]:
        z, w = torch.view_as_complex(x.unflatten(-1, (2, _N, 2))).unbind(-2)
        return [torch.view_as_real(formula(z, w) + 0j) for formula in FORMULAS.values()]


def test_every_formula_gives_the_numbers_of_torch() -> None:
    """At another batch than it was captured with, within the rounding of float32."""
    torch.manual_seed(0)
    module, dims = _Each(), ({0: torch.export.Dim("b")},)
    program = torch.export.export(module, (torch.randn(3, 4, 4 * _N),), dynamic_shapes=dims)
    assert has_complex(program)
    pairs = RealPairs(program)
    x = torch.randn(2, 4, 4 * _N)
    for name, found, expected in zip(FORMULAS, pairs(x), module(x), strict=True):
        torch.testing.assert_close(
            found, expected, rtol=2e-5, atol=2e-5, msg=lambda words, name=name: f"{name}: {words}"
        )
    again = torch.export.export(pairs, (torch.randn(3, 4, 4 * _N),), dynamic_shapes=((dims[0],),))
    assert not has_complex(again)


class _Filters(nn.Module):
    """Layers with complex weights, on (batch, time, 4 * _N) as `_Each` has it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(_N, _N, dtype=torch.cfloat)
        self.conv = nn.Conv1d(_N, 4, 3, stride=2, padding=1, dtype=torch.cfloat)
        self.plane = nn.Conv2d(1, 2, (1, 3), dilation=(1, 2), bias=False, dtype=torch.cfloat)
        self.up = nn.ConvTranspose1d(4, _N, 4, stride=2, padding=1, groups=2, dtype=torch.cfloat)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.view_as_complex(x.unflatten(-1, (2, _N, 2))).sum(-2)
        z = self.up(self.conv(self.linear(z).transpose(1, 2))).transpose(1, 2)
        return torch.view_as_real(self.plane(z.unsqueeze(1)))


def test_layers_with_complex_weights_are_those_of_torch() -> None:
    """Products and convolutions, with a bias and without; the witness of the proof has them in float64."""
    torch.manual_seed(0)
    module, x = _Filters().eval(), torch.randn(3, 4, 4 * _N)
    with torch.no_grad():
        pairs = RealPairs(torch.export.export(module, (x,)))
        torch.testing.assert_close(pairs(x), module(x), rtol=1e-5, atol=1e-5)
        [exact] = ModuleOracle(module, x, read_example(x, 0, 1)).in_float64()(x.double())
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), module(x).detach(), rtol=1e-5, atol=1e-5)


class _Short(nn.Module):
    def __init__(self, **options: object) -> None:
        super().__init__()
        self.options = options
        self.register_buffer("window", torch.hamming_window(12))

    def forward(self, x: Tensor) -> Tensor:
        z = torch.stft(x, 16, 4, 12, window=self.window, return_complex=True, **self.options)  # type: ignore[arg-type]
        back = {k: v for k, v in self.options.items() if k != "pad_mode"}
        return torch.istft(z * (1 + 0.5j), 16, 4, 12, window=self.window, **back)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pad_mode": "constant"},
        {"pad_mode": "replicate", "normalized": True},
    ],
    ids=str,
)
def test_short_time_transforms_are_those_of_torch(options: dict[str, object]) -> None:
    """There and back, of one sequence and of a batch; a window shorter than the transform, in its middle."""
    torch.manual_seed(0)
    module = _Short(**options)
    for x in (torch.randn(3, 80), torch.randn(80)):
        expected = module(x)
        with spectra_of_frames():
            found = module(x)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_exact_zeros_of_a_spectrum_stay_zeros() -> None:
    """The imaginary parts of the constant and of half of the rate are +0, so an angle there is +pi or 0 as in torch."""
    module = nn.Module()
    module.forward = lambda x: torch.fft.rfft(x).angle()  # type: ignore[method-assign]
    x = torch.randn(64, 1, 16)
    program = torch.export.export(module, (x,))
    found, expected = RealPairs(program)(x), module(x)
    assert torch.equal(found[..., [0, -1]], expected[..., [0, -1]])


def test_the_matrices_of_a_transform_have_values_in_every_capture() -> None:
    """A module with a loop over time is captured in another way, which took them for tensors of a trace."""
    module, x = nn.Module(), torch.randn(2, 4, 16)
    module.forward = lambda x: torch.fft.irfft(torch.fft.rfft(x) * 1j, n=16)  # type: ignore[method-assign]
    found = unrolled(RealPairs(torch.export.export(module, (x,))), (x,), (0,), 7)
    constants = [getattr(found.module, str(node.target)) for node in found.module.graph.find_nodes(op="get_attr")]
    assert constants and not any(isinstance(each, FakeTensor) for each in constants)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (lambda z: torch.fft.fft(z, dim=1), "Fourier transform over the time axis"),
        (lambda z: torch.linalg.inv(z), "complex numbers has no rule"),
        (lambda z: z ** (1 + 1j), "expected a real one"),
        (lambda z: z, "an output is complex"),
    ],
)
def test_what_has_no_formula_is_refused_by_name(formula: Callable[[Tensor], Tensor], words: str) -> None:
    """The error says what it is and what to write instead."""
    module = nn.Module()
    module.forward = lambda x: formula(torch.complex(x, x))  # type: ignore[method-assign]
    x = torch.randn(2, 4, 4)
    time = {1: torch.export.Dim("t")} if "time" in words else {}
    program = torch.export.export(module, (x,), dynamic_shapes=(time,))
    with pytest.raises(ModelRefused, match=words):
        torch.export.export(RealPairs(program), (x,), dynamic_shapes=((time,),))


class Inverted(nn.Module):
    """The inverse of complex matrices."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.inv(torch.complex(x, x)).real


def test_a_refusal_says_the_line_that_has_no_formula(tmp_path: Path) -> None:
    """Captures note no lines; this one is made again with them."""
    with pytest.raises(ModelRefused, match=r"no rule; .*, in test_complex_numbers.py:\d+ `return torch.linalg.inv"):
        quickly.export(Inverted(), torch.randn(1, 8, 4, 4), tmp_path / "m.onnx")


class Masked(nn.Module):
    """A complex mask from a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.GRU(4, 4, batch_first=True)])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 4), both."""
        turn = torch.polar(torch.ones_like(x), self.layers[0](x)[0])
        return (x * turn).imag


def test_states_of_a_complex_network_are_called_by_their_layers(tmp_path: Path) -> None:
    """The capture with pairs has the modules of the capture before."""
    report = quickly.export(Masked().eval(), torch.zeros(1, 8, 4), tmp_path / "m.onnx")
    assert [state.input for state in report.contract.states] == ["layers.0.l0.h"]
