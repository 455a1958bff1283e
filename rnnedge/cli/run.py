"""Stream a recording, or what comes in on a pipe, through a file and write predictions as they are ready.

INPUT is a .csv (a frame a row, a header is fine), .jsonl, .npy or .parquet file, one of sound (.wav, .flac, .ogg, .mp3,
.aiff, ...), or `-` for standard input: text as in those, a WAV file, or samples without a header as `--raw` describes.
A model with labels gives the best label and its score, a probability where the file says how (`--logits` leaves the
values); others give their values. Frames count from 0. `-o` writes a table (.csv, .jsonl), an array (time, ...) of all
values (.npy), or the 16-bit samples that a network of sound gives (.wav): a channel for each voice of a network that
separates them.

INPUT may also be live: `mic:`, `tcp://`, `ws://`, `serial:` or `mqtt://`. With `--to` or `--events` every input is
taken as if it were: rows have the time of their frame, frames that are lost are gaps.

**Examples:**

- `rnnedge run speech.onnx utterance.csv`
- `sensor | rnnedge run net.onnx - --format jsonl`
- `arecord -q -f S16_LE -r 16000 -t raw | rnnedge run voice.onnx - --raw s16le`
- `rnnedge run voice.onnx interview.wav --channel mix --resample`
- `rnnedge run net.onnx recording.npy -o predictions.csv`
- `rnnedge run denoiser.onnx noisy.wav -o clean.wav`
- `rnnedge run voice.onnx recording.wav --context speaker=@speaker.npy --context language=3`
- `rnnedge run words.onnx mic: --events on=0.8,off=0.5,debounce=0.05,refractory=1`
- `rnnedge run motor.onnx 'serial:/dev/ttyUSB0?baud=115200' --to mqtt://broker/motor/state`
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rnnedge.cli._context import ContextOption, context_of
from rnnedge.cli._formats import format_of
from rnnedge.cli._model_file import ModelFile
from rnnedge.cli._opening import Device, Opening, with_fields
from rnnedge.cli._options import file_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._reading import ChannelOption, DecimalOption, LogitsOption, RawOption, ResampleOption, read_options
from rnnedge.cli._words import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rnnedge_runtime import Event, Model
    from rnnedge_runtime.faults import NonFinite
    from rnnedge_runtime.frames import Frames


@with_fields
def command(
    file: ModelFile,
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="A .csv, .jsonl, .npy, .npz, .parquet or .wav file, - or mic:.")
    ],
    output: Annotated[Path | None, file_option("-o", "--output", help="Write here instead of stdout.")] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help="csv, jsonl (a JSON object a line), npy or wav (with -o); by default as -o ends, else csv.",
            **one_of(lambda: ("csv", "jsonl", "npy", "wav")),
        ),
    ] = None,
    values: Annotated[bool, typer.Option("--values", help="All values, also where there are labels.")] = False,
    logits: LogitsOption = False,
    context: ContextOption = None,
    non_finite: Annotated[
        str,
        typer.Option(
            help="What a NaN or an infinity does: reject, hold (the last number), zero or reset.",
            **one_of(lambda: ("reject", "hold", "zero", "reset")),
        ),
    ] = "reject",
    raw: RawOption = None,
    channel: ChannelOption = None,
    resample: ResampleOption = False,
    decimal: DecimalOption = ".",
    *,
    device: Device,
    opening: Opening,
    to: Annotated[
        str | None, typer.Option(help="A sink: a .csv or .jsonl file, -, exec:, tcp://, ws://, serial: or mqtt://.")
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(help="Events in place of rows: [LABEL:]on=,off=,debounce=,hold=,refractory=,scores=. Repeatable."),
    ] = None,
    gap: Annotated[
        str | None,
        typer.Option(
            help="What lost frames of a live source become: hold (default), zero or reset.",
            **one_of(lambda: ("hold", "zero", "reset")),
        ),
    ] = None,
    queue: Annotated[int | None, typer.Option(help="Packets of a live source that wait at most: 64.", min=1)] = None,
    full: Annotated[
        str | None,
        typer.Option(
            help="If the queue is full: drop-oldest (default), drop-newest or block.",
            **one_of(lambda: ("drop-oldest", "drop-newest", "block")),
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._arrays import array_file
    from rnnedge.cli._live import LiveOptions, file_of, run
    from rnnedge.cli._outputs import check_outputs
    from rnnedge.cli._predictions import Writer
    from rnnedge.frames._readers import open_frames
    from rnnedge_runtime import load
    from rnnedge_runtime.atomic import open_text

    reading = read_options(raw, channel, resample, decimal)
    written = format or format_of(output)
    # "-" is standard output, as it is standard input.
    output = None if str(output) == "-" else output
    live = LiveOptions(to, events, gap, queue, full)
    read = file_of(source)
    check_outputs({"--output": output, "--to": live.file}, [file, read, opening.key])
    given = context_of(context)
    arrays = written in ("npy", "wav") and not json
    if arrays and (output is None or live.asked(source)):
        raise typer.BadParameter("an array is written to -o FILE, of an input that is not live", param_hint="--format")
    model = load(file, **device.asked, **vars(opening))
    if live.asked(source):
        run(model, source, live, output, non_finite, values, given, logits, reading)
        return
    opened = open_frames(source if read is None else str(read), model.contract, reading)
    if arrays:
        with array_file(cast("Path", output), written, model.contract, logits, opened) as array:
            _stream(model, source, opened.frames, array.write, non_finite, given)
        return
    with open_text(output) if output else nullcontext(sys.stdout) as target:
        writer = Writer(target, model.contract, "jsonl" if json else written, values, logits)

        def write(frames: Frames) -> None:
            writer.write(frames)
            target.flush()

        _stream(model, source, opened.frames, write, non_finite, given)


def _stream(
    model: Model,
    source: str,
    pieces: Iterator[Frames],
    write: Callable[[Frames], None],
    non_finite: str,
    context: Mapping[str, object],
) -> None:
    from rnnedge.cli._output import say
    from rnnedge_runtime.errors import InputError

    def tell(event: Event) -> None:
        # What is rejected ends the command with the same words.
        if event.kind != "rejected":
            say(f"frame {event.frame}: {event.text}")

    stream = model.stream(context=context, non_finite=cast("NonFinite", non_finite), on_event=tell)
    for frames in pieces:
        write(stream.push(frames))
    if not stream.frames:
        raise InputError(f"{source}: expected at least one frame, found none")
    write(stream.finish())
