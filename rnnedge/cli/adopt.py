"""Stamp a contract onto an ONNX file that streams already, with states that it takes and gives back.

FILE was written to be called in a loop: frames and states in, results and states out. Name the states and the time
axis; the result streams like every other file, and is proven equal to that loop.

**Examples:**

- `rnnedge adopt step.onnx -o net.onnx --state h0:hn --state c0:cn`
- `rnnedge adopt step.onnx -o net.onnx --state h:h_out --time-axis none`
- `rnnedge adopt voice.onnx -o net.onnx --state h:hn --constant speaker=@speaker.npy`
- `rnnedge adopt voice.onnx -o net.onnx --state h:hn --per-sequence speaker`
- `rnnedge adopt silero_vad.onnx -o vad.onnx --state state:stateN --constant sr=16000 --chunk 512 --context 64`
- `rnnedge adopt step.onnx -o net.onnx --state h0:hn --sample monday.wav`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnedge.cli._constants import constants_of, state_pair
from rnnedge.cli._opening import SourceTrustOption
from rnnedge.cli._options import file_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._precision import SampleOption
from rnnedge.cli._reading import DecimalOption


def command(
    file: Annotated[Path, typer.Argument(help="An ONNX file with states of its own.")],
    output: Annotated[Path, file_option("-o", "--output", help="The ONNX file to write.")],
    state: Annotated[list[str] | None, typer.Option(help="A state, as input:output; once for each.")] = None,
    time_axis: Annotated[str, typer.Option(help="Axis of time in the frames: 1, name:1, or none.")] = "1",
    batch_axis: Annotated[int | None, typer.Option(help="Axis of the batch in the frames.")] = None,
    chunk: Annotated[int | None, typer.Option(help="Frames that every call takes (any number).", min=1)] = None,
    context: Annotated[int, typer.Option(help="Frames of the call before in front of each call.", min=0)] = 0,
    constant: Annotated[
        list[str] | None, typer.Option(help="An input that never changes, as name=number or name=@file.npy.")
    ] = None,
    per_sequence: Annotated[
        list[str] | None, typer.Option(help="An input that is a value per sequence: every stream is given its own.")
    ] = None,
    frame_rate: Annotated[float | None, typer.Option(help="Frames per second, stored in the file.")] = None,
    labels: Annotated[str | None, typer.Option(help="Names of the classes, separated by commas.")] = None,
    sample: SampleOption = None,
    decimal: DecimalOption = ".",
    trust: SourceTrustOption = None,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import stages
    from rnnedge.cli._outputs import check_outputs

    check_outputs({"--output": output}, [file, *(sample or ())])
    pairs = [state_pair(text) for text in state or []]
    values = constants_of(constant)
    with stages(f"adopt {file}") as progress:
        progress("import onnx")
        import rnnedge
        from rnnedge.cli._precision import recordings
        from rnnedge.cli.export import print_report

        report = rnnedge.adopt(
            file,
            output,
            states=dict(pairs),
            time_axis=None if time_axis == "none" else time_axis,
            batch_axis=batch_axis,
            chunk=chunk,
            context=context,
            constants=values,
            per_sequence=per_sequence or (),
            frame_rate_hz=frame_rate,
            labels=labels.split(",") if labels else (),
            sample=recordings(sample, decimal),
            trust=trust,
            progress=progress,
        )
    print_report(report, "adopt", str(file), json=json)
