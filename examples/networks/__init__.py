"""Networks of the kinds that people ship, at realistic sizes, written after public descriptions, with seeded weights.

Each file holds one network and `build()`, which returns it with an example of its input. Tests, benchmarks and pages
use them by the names in `NETWORKS`; from a clone of the repository they export like any other network:

    rnnedge export examples.networks.keyword_spotter:build -o keyword-spotter.onnx
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from examples.networks import (
    ctc_tagger,
    dual_path,
    forecaster,
    keyword_spotter,
    noise_suppressor,
    speaker_encoder,
    temporal_convolutions,
    waveform_denoiser,
)


@dataclass(frozen=True)
class Example:
    """A network by its `build`, the axis of time in its input, and frames per second."""

    build: Callable[[], tuple[nn.Module, Tensor]]
    time_axis: int = 1
    frame_rate_hz: float = 100.0


NETWORKS: dict[str, Example] = {
    "keyword-spotter": Example(keyword_spotter.build),
    "noise-suppressor": Example(noise_suppressor.build),
    "temporal-convolutions": Example(temporal_convolutions.build),
    "waveform-denoiser": Example(waveform_denoiser.build, time_axis=2, frame_rate_hz=16000),
    "dual-path": Example(dual_path.build, frame_rate_hz=62.5),
    "speaker-encoder": Example(speaker_encoder.build),
    "ctc-tagger": Example(ctc_tagger.build),
    "forecaster": Example(forecaster.build, frame_rate_hz=1 / 3600),
}
