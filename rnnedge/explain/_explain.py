"""The two ways to an explanation: of a torch module, and of a file with taps."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rnnedge.explain._attribution import baseline_of
from rnnedge.explain._explanation import Explanation, look_into
from rnnedge.explain._outputs import choose_target
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.arguments import instance
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import MissingExtra

if TYPE_CHECKING:
    from rnnedge.sources import ModelSource
    from rnnedge_runtime import Model

Say = Callable[[str], None]
# Share of the difference by which integrated gradients may miss it without a word.
ADDS_UP = 0.01


@checked
def explain_module(
    source: ModelSource,
    frames: Array,
    *,
    name: str = "",
    output: str | None = None,
    frame: int | None = None,
    unit: str | int | None = None,
    baseline: str | Array | None = None,
    progress: Say = lambda _: None,
) -> Explanation:
    """Explain what a network does with `frames`, float32 (time, ...) or int64 tokens (time,).

    `output`, `frame`, `unit` choose the number that the attributions are of: see `choose_target`. `baseline`: "zero",
    "mean" or frames, see `baseline_of`. `progress` is called with the name of each stage.

    Raises `MissingExtra` without captum, `InputError` for frames that are empty or not finite and for a target that
    does not exist, `ModelRefused` where the network has no recurrence.
    """
    from rnnedge.sources import ModelSource

    instance(source, "explain_module: source", ModelSource)
    if find_spec("captum") is None:
        raise MissingExtra(
            "attributions need captum; install 'rnnedge[explain]', or export with --taps gates,state and "
            "explain the file"
        )
    from rnnedge.explain._decay import measured_decay
    from rnnedge.explain._from_module import record_module
    from rnnedge.explain._integrated import integrated_gradients
    from rnnedge.explain._memory import reach
    from rnnedge.explain._occlusion import occlusion

    progress("run the network")
    watched = record_module(
        source.module,
        frames,
        source=name,
        labels=source.labels,
        frame_rate_hz=source.frame_rate_hz,
        scores=source.notes.get("scores", "raw"),
        notes=source.notes,
    )
    target = choose_target(watched.recording.outputs, source.labels, output=output, frame=frame, unit=unit)
    mean = source.normalization.mean if source.normalization is not None else ()
    start = baseline_of(frames, baseline, mean)
    progress("measure the memory")
    decays = [measured_decay(part) for part in watched.parts]
    left_out = [
        f"{part.name}: how long a push lasts was not measured: that takes 4 frames, and a cell whose state is known"
        for part, decay in zip(watched.parts, decays, strict=True)
        if decay is None
    ]
    progress("follow the gradient")
    far = reach(watched, target)
    shares = integrated_gradients(watched, target, start)
    if far is None or shares is None:
        left_out.append(
            "no torch.nn.Embedding reads the tokens once, as they are: there is no gradient to follow, and so "
            "there are no integrated gradients"
        )
    elif shares.gap > ADDS_UP:
        left_out.append(
            f"the integrated gradients add up to the difference ({shares.difference:.3g}) within {shares.gap:.1%} "
            f"only, after {shares.detail}: the baseline is as good as the input, or the way between them is steep"
        )
    progress("hide one frame after another")
    hidden = occlusion(watched, target, start)
    layers = watched.recording.layers
    return Explanation(
        watched.recording,
        target,
        tuple(look_into(layer, decay) for layer, decay in zip(layers, decays, strict=True)),
        tuple(one for one in (shares, hidden) if one is not None),
        far,
        tuple(left_out),
    )


@checked
def explain_file(
    model: Model,
    frames: Array,
    *,
    output: str | None = None,
    frame: int | None = None,
    unit: str | int | None = None,
    baseline: str | Array | None = None,
    progress: Say = lambda _: None,
) -> Explanation:
    """Explain what a file with taps does with `frames` (time, ...), by numpy and onnxruntime alone.

    What needs the gradient of the network is left out, and named in `left_out`. Otherwise as `explain_module`.
    """
    from rnnedge.explain._file_occlusion import occlude_file
    from rnnedge_runtime import Model

    instance(model, "explain_file: model", Model)
    from rnnedge.explain._from_file import record_file

    progress("run the file")
    recording = record_file(model, frames)
    target = choose_target(recording.outputs, recording.labels, output=output, frame=frame, unit=unit)
    normalization = model.contract.normalization
    start = baseline_of(frames, baseline, normalization.mean if normalization is not None else ())
    progress("hide one frame after another")
    hidden = occlude_file(model, frames, target, start)
    kinds = {tap.kind for tap in model.contract.taps}
    left_out = ["a file has no gradients: for integrated gradients, the reach of the gradient and the measured decay "
                "of a push, explain the network that it was made from"]  # fmt: skip
    if "gate" not in kinds:
        left_out.append("the file shows no gates; where its cells have some, export it with --taps gates,state")
    return Explanation(
        recording, target, tuple(look_into(layer) for layer in recording.layers), (hidden,), None, tuple(left_out)
    )
