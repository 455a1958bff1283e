"""The whole road on real speech: train, export in four forms, verify, stream, measure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils import _pytree

from rnnedge.baselines._frame_steps import eager, one_torch_thread, plain_export
from rnnedge.demo.page import NATIVE_ENGINE, Contender, Demo, FormResult, Utterance
from rnnedge.nn import RecurrentNetwork
from rnnedge.recipes import find_recipe, train_recipe
from rnnedge.sources import ModelSource, load_source
from rnnedge.tasks.speech import FRAME_RATE_HZ, load_speech
from rnnedge.training import Epoch, SequenceData
from rnnedge_export import ExportOptions, Report
from rnnedge_export.api import write
from rnnedge_export.session import ExportSession
from rnnedge_export.sources import of_module
from rnnedge_runtime import Model, load
from rnnedge_runtime.contract import FORMS, Array
from rnnedge_runtime.errors import ProviderError
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.host import fingerprint
from rnnedge_runtime.measure import side_by_side
from rnnedge_runtime.scores import probabilities


def walk(
    folder: Path,
    *,
    epochs: int,
    seed: int,
    on_stage: Callable[[str], None],
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Demo:
    """Go from recorded speech to measured streams; leaves `run/` and `speech-<form>.onnx` in `folder`.

    `on_stage` is called with the name of each stage as it begins. Raises what training and `rnnedge.export` raise.
    """
    seconds: dict[str, float] = {}
    started = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal started
        seconds[stage] = time.perf_counter() - started
        started = time.perf_counter()

    on_stage("train")
    recipe = find_recipe("speech").changed({}, {"epochs": epochs, "seed": seed})
    run = train_recipe(recipe, folder / "run", progress=on_epoch)
    lap("train")
    source = load_source(str(folder / "run"))
    test = load_speech("test")
    expected = _pytorch_decisions(run.network, test)
    forms, models = [], {}
    on_stage("capture")
    # Once for all forms.
    with of_module(source.module, source.example, say=lambda _: None) as session:
        lap("capture")
        for form in FORMS:
            on_stage(f"export and verify the {form} form")
            report = _exported(session, source, form, folder)
            models[form] = load(report.path)
            lap(f"export and verify the {form} form")
            on_stage(f"stream the test utterances, {form} form")
            decisions = _streamed_decisions(models[form], test)
            lap(f"stream the test utterances, {form} form")
            forms.append(_form_result(form, report, decisions, test, expected))
    on_stage("measure")
    named = {f"rnnedge {form}": model for form, model in models.items()} | _on_native_engine(forms)
    contenders = _measure(named, run.network, test.frames[0], folder)
    lap("measure")
    config = asdict(run.network.config)
    return Demo(
        task="Japanese Vowels: nine speakers, 12 LPC coefficients per frame",
        network=f"GRU of {config['hidden_size']} units, {config['input_size']} features in",
        utterances=len(test),
        frame_ms=1000 / FRAME_RATE_HZ,
        pytorch_accuracy=float(np.mean(expected == test.targets)),
        labels=tuple(f"speaker {label}" for label in test.labels),
        forms=tuple(forms),
        contenders=tuple(contenders),
        example=_utterance(models["native"], test),
        seconds=seconds,
        host=fingerprint(),
    )


def _exported(session: ExportSession, source: ModelSource, form: str, folder: Path) -> Report:
    options = ExportOptions(
        form=form,
        frame_rate_hz=source.frame_rate_hz,
        labels=source.labels,
        normalization=source.normalization,
    )
    path = folder / f"speech-{form}.onnx"
    return write(session, options, path, lambda _: None, time.perf_counter(), source.notes)


def _form_result(form: str, report: Report, decisions: Array, test: SequenceData, expected: Array) -> FormResult:
    checks = {check.name: check.max_error for check in report.verification.checks}
    return FormResult(
        form,
        str(report.path),
        report.size_bytes,
        report.digest,
        checks["parity"],
        checks["drift"],
        float(np.mean(decisions == test.targets)),
        int(np.sum(decisions == expected)),
    )


def _pytorch_decisions(network: RecurrentNetwork, test: SequenceData) -> Array:
    """The best label after the last frame of every utterance (utterance,) int64, whole sequences through PyTorch."""
    network.eval()
    with torch.no_grad():
        return np.array([int(network(torch.from_numpy(x[None]))[0][0, -1].argmax()) for x in test.frames])


def _streamed_decisions(model: Model, test: SequenceData) -> Array:
    """The same through `model`, one frame per push."""
    return np.array([int(_scores(model, x)[-1].argmax()) for x in test.frames])


def _scores(model: Model, frames: Array) -> Array:
    """Scores of one utterance (time, label), one frame per push."""
    return next(iter(stream_all(model.stream(), frames, range(1, len(frames))).values()))


def _utterance(model: Model, test: SequenceData) -> Utterance:
    """The longest utterance that is decided rightly."""
    for index in sorted(range(len(test)), key=lambda i: -len(test.frames[i])):
        scores = _scores(model, test.frames[index]).astype(np.float64)
        if scores[-1].argmax() == test.targets[index]:
            break
    return Utterance(probabilities(scores, "softmax"), int(test.targets[index]))


def _on_native_engine(forms: list[FormResult]) -> dict[str, Model]:
    """The step form as machine code, by the name of its row; none on a machine without a compiler."""
    (step,) = (form for form in forms if form.form == "step")
    try:
        return {NATIVE_ENGINE: load(step.path, provider="native")}
    except ProviderError:
        return {}


def _measure(models: dict[str, Model], network: RecurrentNetwork, frames: Array, folder: Path) -> list[Contender]:
    """Every model by `push`, the plain export by `session.run`, and PyTorch, in turns."""
    with torch.no_grad():
        _, state = network(torch.from_numpy(frames[None, :1]))
    still = _pytree.tree_map(torch.zeros_like, state)
    frame = np.ascontiguousarray(frames[:1])
    calls: dict[str, tuple[Callable[[], object], int]] = {}
    for title, model in models.items():
        per_call = model.contract.unit
        name = title if per_call == 1 else f"{title}, {per_call} frames a push"
        calls[name] = partial(model.stream().push, np.repeat(frame, per_call, axis=0)), per_call
    calls["session.run on torch.onnx export"] = (
        partial(plain_export(network, still, frames.shape[1], folder / "plain-export.onnx"), frame),
        1,
    )
    calls["PyTorch eager"] = partial(eager(network, still), frame), 1
    with one_torch_thread():
        times = side_by_side({name: call for name, (call, _) in calls.items()})
    return [Contender(name, times[name], per_call) for name, (_, per_call) in calls.items()]
