"""Look inside a network while it reads a sequence: states and gates over time, memory, and which input mattered.

SOURCE is a folder made by `rnnedge train`, `package.module:factory`, or an ONNX file exported with
`--taps gates,state`, which needs no torch. INPUT is a .csv (a frame a row), .jsonl, .npy or .wav file, or `-`. Writes
one HTML page.

**Examples:**

- `rnnedge explain runs/speech utterance.csv -o speech.html`
- `rnnedge explain runs/speech utterance.csv --unit "speaker 3" --frame 12 --png pictures --npz arrays.npz`
- `rnnedge export runs/speech -o seen.onnx --taps gates,state`  then, on the device,
  `rnnedge explain seen.onnx utterance.csv`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnedge.cli._opening import Opening, with_fields
from rnnedge.cli._options import ExampleOption, file_option, folder_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._reading import ChannelOption, DecimalOption, RawOption, ResampleOption, read_options

if TYPE_CHECKING:
    from rnnedge.explain import Explanation
    from rnnedge.frames import ReadOptions
    from rnnedge_runtime import Contract
    from rnnedge_runtime.contract import Array

# Every inner value of every frame is held, and drawn.
_MOST_FRAMES = 1 << 20


@with_fields
def command(
    source: Annotated[str, typer.Argument(help="A run folder, package.module:factory, or an ONNX file with taps.")],
    recording: Annotated[str, typer.Argument(metavar="INPUT", help="A .csv, .jsonl, .npy or .wav file, or -.")],
    page: Annotated[Path, file_option("-o", "--page", help="The HTML page to write.")] = Path("explain.html"),
    png: Annotated[Path | None, folder_option("--png", help="A folder for every picture as PNG.")] = None,
    npz: Annotated[Path | None, file_option(help="A file for every array.")] = None,
    output: Annotated[str | None, typer.Option(help="The output to explain (the first one).")] = None,
    frame: Annotated[
        int | None, typer.Option(help="Its frame, from 0, or from the end where negative (the last).")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="The value of it, a number or a label (the largest).")] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="What is compared with: zero, mean (of INPUT), or a file of frames. By default the mean of "
                     "the training data where the network knows it, else zero."),
    ] = None,
    input_size: Annotated[
        int | None, typer.Option(help="Features per frame, where no example is given.", min=1)
    ] = None,
    example: ExampleOption = None,
    weights: Annotated[Path | None, typer.Option(help="Weights of SOURCE: .safetensors or .pt.")] = None,
    raw: RawOption = None,
    channel: ChannelOption = None,
    resample: ResampleOption = False,
    decimal: DecimalOption = ".",
    *,
    opening: Opening,
    json: JsonOption = False,
) -> None:  # fmt: skip
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import print_json, say, stages, tell
    from rnnedge.cli._outputs import check_named, check_outputs
    from rnnedge.explain import write_arrays, write_page, write_pictures
    from rnnedge.report.page import check_page
    from rnnedge_runtime.atomic import make_folder

    check_page()
    check_outputs({"--page": page, "--npz": npz}, [source, recording, baseline, weights, opening.key])
    if png is not None:
        check_named("--png", png)
        make_folder(png)
    with stages(f"explain {source}") as progress:
        read = partial(_frames, reading=read_options(raw, channel, resample, decimal))
        asked = {"output": output, "frame": frame, "unit": unit, "progress": progress}
        found = _explain(source, recording, baseline, input_size, example or (), weights, opening, asked, read)
        progress("draw")
        written = [write_page(found, page)]
        if png is not None:
            written += write_pictures(found, png)[:1]
        if npz is not None:
            written.append(write_arrays(found, npz))
    if json:
        print_json("explain", {"page": str(page), **found.numbers()})
        return
    _print(found)
    for line in found.left_out:
        say(f"left out: {line}")
    tell(f"page: {page}" + (f", pictures: {png}" if png else "") + (f", arrays: {npz}" if npz else ""))


def _explain(
    source: str,
    recording: str,
    baseline: str | None,
    input_size: int | None,
    examples: Sequence[str],
    weights: Path | None,
    opening: Opening,
    asked: dict[str, Any],
    read: Callable[[str, Contract], Array],
) -> Explanation:
    """Of a file by `explain_file`, of anything else by `explain_module`."""
    if source.endswith(".onnx"):
        from rnnedge.explain import explain_file, open_tapped

        if weights is not None or input_size is not None or examples:
            raise typer.BadParameter("an ONNX file has weights and sizes of its own", param_hint="--weights")
        model = open_tapped(source, **vars(opening))
        return explain_file(
            model, read(recording, model.contract), baseline=_baseline(baseline, model.contract), **asked
        )
    from rnnedge.explain import explain_module

    if opening.key is not None:
        raise typer.BadParameter("only an ONNX file has a signature", param_hint="--key")
    say: Callable[[str], None] = asked["progress"]
    say("import torch")
    try:
        from rnnedge.sources import load_source
    except ModuleNotFoundError as error:
        from rnnedge_runtime.errors import MissingExtra

        raise MissingExtra(
            f"to explain a network needs {error.name}; install 'rnnedge[train,explain]', or export it elsewhere with "
            "--taps gates,state and explain the file"
        ) from error
    loaded = load_source(source, input_size, weights, examples)
    contract = replace(_contract(loaded.example, loaded.frame_rate_hz, source), provenance=loaded.notes)
    return explain_module(
        loaded, read(recording, contract), name=source, baseline=_baseline(baseline, contract), **asked
    )


def _contract(example: Any, frame_rate_hz: float | None, source: str) -> Contract:
    """What the readers of frames need to know of a module, from an example (batch, time, ...)."""
    from rnnedge_runtime import Contract, Port
    from rnnedge_runtime.errors import ModelRefused

    if isinstance(example, (tuple, list)):
        if len(example) != 1:
            raise ModelRefused(f"{source}: expected one input to explain, found an example of {len(example)}")
        (example,) = example
    dtype = "float32" if example.is_floating_point() else "int64"
    port = Port("input", dtype, ("batch", "time", *example.shape[2:]), 0, 1)
    return Contract((port,), (), (), form="native", opset=20, frame_rate_hz=frame_rate_hz)


def _frames(recording: str, contract: Contract, reading: ReadOptions | None = None) -> Array:
    """The whole recording; raises `InputError` where it has no frame, or more than a page can show."""
    import numpy as np

    from rnnedge.frames import ReadOptions, read_frames
    from rnnedge_runtime.errors import InputError

    pieces: list[Array] = []
    left = _MOST_FRAMES
    for piece in read_frames(recording, contract, reading or ReadOptions()):
        pieces.append(next(iter(piece.values())) if isinstance(piece, dict) else piece)
        left -= len(pieces[-1])
        if left < 0:
            raise InputError(f"{recording}: expected at most {_MOST_FRAMES:,} frames to explain, found more; cut it")
    frames = np.concatenate(pieces) if pieces else None
    if frames is None or not len(frames):
        raise InputError(f"{recording}: expected at least one frame, found none")
    bad = np.argwhere(~np.isfinite(frames.reshape(len(frames), -1)))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise InputError(f"{recording}: frame {row}, feature {column}: expected a finite number, found "
                         f"{frames.reshape(len(frames), -1)[row, column]}")  # fmt: skip
    return np.asarray(frames)


def _baseline(given: str | None, contract: Contract) -> str | Array | None:
    """zero and mean stand for themselves; anything else is a file of frames, as many as INPUT has, or one."""
    from rnnedge_runtime.plain_file import is_file

    if given in (None, "zero", "mean"):
        return given
    if not is_file(Path(str(given))):
        from rnnedge_runtime.errors import InputError

        raise InputError(f"baseline: expected zero, mean or a file of frames, found {given!r}, which is no such file")
    frames = _frames(str(given), contract)
    return frames[0] if len(frames) == 1 else frames


def _print(found: Explanation) -> None:
    import numpy as np

    from rnnedge.cli._output import print_table, tell

    rows = []
    for one in found.layers:
        share = [s.share for s in one.saturation if s.value.endswith("gate")]
        rows.append((
            one.layer.name, one.layer.cell, one.layer.units,
            "" if one.gate_half_life is None else f"{np.median(one.gate_half_life):.3g}",
            "" if one.decay is None else f"{np.median(one.decay.half_life):.3g}",
            f"{np.mean(share):.0%}" if share else "", one.trajectory.dimensions,
        ))  # fmt: skip
    columns = ("layer", "cell", "units", "half-life by gate", "half-life measured", "gates at an end", "dimensions")
    print_table(f"{found.recording.source}: {found.recording.length} frames", columns, rows)
    target = found.target
    value = found.recording.outputs[target.output][target.frame, target.unit]
    likely = "" if found.probability is None else f", a probability of {found.probability:.1%},"
    tell(f"explained: {target.output}, {target.label} = {value:.5g}{likely} at frame {target.frame}")
    for attribution in found.attributions:
        frames = ", ".join(str(i) for i in np.argsort(attribution.by_frame)[::-1][:5])
        tell(f"{attribution.method}: most of it at frames {frames} (baseline: {attribution.baseline})")
    if found.reach is not None:
        from rnnedge.explain.captions import reach_words

        tell(reach_words(found.reach))
