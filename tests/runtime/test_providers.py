"""Providers by name, several best first, their options passed through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exported import Exported

from rnnedge_runtime import ProviderError, load
from rnnedge_runtime.engines._providers import choose_providers, session_providers
from rnnedge_runtime.engines.onnx_runtime import onnxruntime

HERE = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.fixture
def broken_cuda(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """An onnxruntime with CUDA that no session can start on; what sessions were asked for."""
    asked: list[Any] = []

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, model: bytes, options: Any, providers: list[Any], enable_fallback: int) -> None:
            asked.append(providers)
            if providers != ["CPUExecutionProvider"]:
                raise RuntimeError("no CUDA-capable device is detected")
            super().__init__(model, options, providers=providers, enable_fallback=enable_fallback)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: HERE)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    return asked


def test_several_providers_are_tried_best_first(native: Exported, broken_cuda: list[Any]) -> None:
    """Where one does not start, the next takes its place, and a warning says so."""
    for asked in (["cuda", "cpu"], "cuda, cpu", "auto"):
        with pytest.warns(RuntimeWarning, match=r"'cuda': did not start.*no CUDA-capable.*the next provider takes"):
            model = load(native.path, provider=asked)
        assert model.provider == "cpu"
    with pytest.raises(ProviderError, match="'tensorrt': did not start"), pytest.warns(RuntimeWarning, match="cuda"):
        load(native.path, provider=["cuda", "tensorrt"])


def test_options_go_to_onnxruntime(native: Exported, broken_cuda: list[Any]) -> None:
    """Each provider's own; TensorRT leaves what it cannot take to CUDA."""
    options = {"cuda": {"device_id": "1"}, "tensorrt": {"trt_fp16_enable": "1"}}
    with pytest.raises(ProviderError), pytest.warns(RuntimeWarning):
        load(native.path, provider=["tensorrt", "cuda"], provider_options=options)
    cuda = ("CUDAExecutionProvider", {"device_id": "1"})
    assert broken_cuda[0] == [("TensorrtExecutionProvider", {"trt_fp16_enable": "1"}), cuda]
    assert [cuda] in broken_cuda
    assert session_providers("tensorrt", {}) == ["TensorrtExecutionProvider", "CUDAExecutionProvider"]
    with pytest.raises(ProviderError, match="options of provider 'cuda': expected those of cpu"):
        load(native.path, provider_options=options)


def test_auto_and_doubles() -> None:
    """Those that are installed, each once."""
    assert choose_providers("auto") == choose_providers(["auto", "cpu"]) == ("cpu",)
    assert choose_providers("openvino,cpu") == ("openvino", "cpu")
    with pytest.raises(ProviderError, match="expected at least one, found none"):
        choose_providers([])
    with pytest.raises(ProviderError, match="provider '': expected auto or one of"):
        choose_providers("")


def test_an_option_that_a_provider_does_not_know_is_told(native: Exported) -> None:
    """Real options of the CPU provider reach it."""
    model = load(native.path, provider_options={"cpu": {}})
    assert np.isfinite(model.stream().push(np.zeros((1, 5), np.float32))).all()
