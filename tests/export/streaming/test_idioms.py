"""Networks as people write them stream with no more latency than they have, and equal PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from idioms import IDIOMS, C, GivenState
from shares import those

import rnnedge_export
from rnnedge_runtime import InputError, load


def export(name: str, form: str, path: Path) -> rnnedge_export.Report:
    """Export one with random weights and input."""
    idiom = IDIOMS[name]
    torch.manual_seed(0)
    module = idiom.build().eval()
    example = tuple(torch.randn_like(x) if isinstance(x, torch.Tensor) and x.is_floating_point() else x
                    for x in idiom.example)  # fmt: skip
    return quickly.export(module, example, path, form=form)


# Of the spectra one is enough; complex numbers, cells in loops and kernels of poles have tests of their own.
LONG = ("spectrum", "complex-mask", "nested-cell", "kernel-of-poles")
# Of one capture.
STEPPED = ("wavenet", "cumulative-norm", "differences", "overlap-add", "pooled", "several-inputs")


@pytest.mark.parametrize("name", those([name for name in IDIOMS if name not in LONG], IDIOMS))
def test_an_idiom_streams(name: str, tmp_path: Path) -> None:
    """Verified by the export, at its own hop, without a frame of latency more than the network has.

    Some in the step form too: the least number of frames a call, everything of fixed shape.
    """
    report = export(name, "native", tmp_path / "m.onnx")
    assert report.verification.max_error <= 1e-5
    assert (report.contract.hop, report.contract.lookahead) == (IDIOMS[name].hop, IDIOMS[name].lookahead)
    if name in STEPPED:
        assert export(name, "step", tmp_path / "s.onnx").verification.max_error <= 1e-5


def test_several_inputs_are_pushed_by_name(tmp_path: Path) -> None:
    """In pieces; a missing one, and one of another length, are refused and change nothing."""
    export("several-inputs", "native", tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx", trust="strict")
    rng = np.random.default_rng(0)
    frames = {name: rng.standard_normal((9, C)).astype(np.float32) for name in ("mic", "reference")}
    frames["token"] = rng.integers(0, 5, 9)
    stream = model.stream()
    with pytest.raises(InputError, match=r"a dict with the inputs \['mic', 'reference', 'token'\], found \['mic'\]"):
        stream.push({"mic": frames["mic"]})
    with pytest.raises(InputError, match=r"equally many frames of every input, found {'mic': 8, 'reference': 9"):
        stream.push(frames | {"mic": frames["mic"][:8]})
    parts = [stream.push({name: array[t : t + 1] for name, array in frames.items()}) for t in range(9)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), model.run(frames), rtol=0, atol=1e-6)


def test_a_stream_starts_from_the_states_that_its_caller_gives(tmp_path: Path) -> None:
    """By name, for one sequence or each; `reset` returns to them; without any, those of the export hold."""
    export("given-state", "native", tmp_path / "m.onnx")
    torch.manual_seed(0)
    module = GivenState().eval()
    model = load(tmp_path / "m.onnx")
    x = torch.randn(2, 5, C)
    h, c = torch.randn(2, 2, C), torch.randn(2, 2, C)
    states = {f"lstm.l{k}.{letter}": part[k : k + 1].numpy() for k in range(2) for letter, part in (("h", h), ("c", c))}
    with torch.no_grad():
        expected = module(x, (h, c))[0].numpy()
    stream = model.stream(batch=2, states=states)
    for _ in range(2):
        np.testing.assert_allclose(stream.push(x.numpy()), expected, rtol=0, atol=1e-6)
        stream.reset()
    with pytest.raises(InputError, match=r"state 'lstm\.l0\.h': expected shape"):
        model.stream(states={"lstm.l0.h": np.zeros((1, 2, C), np.float32)})
    with pytest.raises(InputError, match="state 'other': not one of"):
        model.stream(states={"other": h.numpy()})
