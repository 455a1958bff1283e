"""Networks as people ship them: one command each, equal to PyTorch at any chunking, frame by frame too."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from shares import those

from examples.networks import NETWORKS
from rnnedge_export import Effort
from rnnedge_runtime import load
from rnnedge_runtime.golden import max_error, stream_all

EXPECTED = {
    "keyword-spotter": (2, 0),
    "noise-suppressor": (4, 0),
    "temporal-convolutions": (1, 0),
    "waveform-denoiser": (256, 512),
    "dual-path": (1, 0),
    "speaker-encoder": (1, 0),
    "ctc-tagger": (4, 0),
    "forecaster": (1, 0),
}
# The others are of layers and rates that these have, random networks, or larger ones of test_windows.py (its "unet" is
# the waveform denoiser, its "causal" and "chomp" the temporal convolutions).
NOW = ("keyword-spotter", "noise-suppressor", "speaker-encoder")


# torch says so of its own LSTM with a projection, whoever calls it.
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(
    ("name", "form"),
    those([(name, "native") for name in NOW] + [("keyword-spotter", "step")], product(NETWORKS, ("native", "step"))),
)
def test_a_real_network_streams(name: str, form: str, tmp_path: Path) -> None:
    """Verified by the export within 1e-5; once more here, one frame (or hop) a push, and as a whole.

    One of them over all the frames of a user's proof.
    """
    case = NETWORKS[name]
    module, example = case.build()
    report = quickly.export(
        module,
        example,
        tmp_path / "m.onnx",
        form=form,
        time_axis=case.time_axis,
        frame_rate_hz=case.frame_rate_hz,
        effort=Effort() if (name, form) == ("keyword-spotter", "native") else quickly.effort(),
    )
    contract = report.contract
    assert report.verification.max_error <= 1e-5
    # The hop, and the frames that an output waits for beyond it.
    assert (contract.hop, contract.lookahead) == EXPECTED[name]
    time = max(contract.least + 7 * contract.grain, 8 * contract.hop)
    shape = list(example.shape)
    shape[case.time_axis] = contract.least + -(-(time - contract.least) // contract.grain) * contract.grain
    x = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        result = module(x)
    frames = x.movedim(case.time_axis, 1)[0].numpy()
    model = load(tmp_path / "m.onnx")
    for cuts in ([], range(contract.hop, len(frames), contract.hop)):
        found = stream_all(model.stream(), frames, cuts)
        for output, value in (result if isinstance(result, dict) else {"y": result}).items():
            per_frame = next(port for port in contract.outputs if port.name == output).per_frame
            time_axis = 2 if case.time_axis == 2 else 1
            expected = value.movedim(time_axis, 1)[0].numpy() if per_frame else value.numpy()
            assert max_error(found[output], np.ascontiguousarray(expected)) <= 1e-5
