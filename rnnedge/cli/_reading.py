"""The options by which a verb is told how to read recordings, and what to make of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rnnedge.cli._words import one_of

if TYPE_CHECKING:
    from rnnedge.frames import ReadOptions

RawOption = Annotated[
    str | None,
    typer.Option(
        "--raw",
        metavar="ENCODING[:RATE[:CHANNELS]]",
        help="Samples of sound without a header: s16le, u8, s24le, s32le, f32le; at the model's rate if none is given.",
    ),
]
ChannelOption = Annotated[
    str | None, typer.Option("--channel", help="Of sound with several channels: mix, or the number of one, from 1.")
]
ResampleOption = Annotated[
    bool, typer.Option("--resample", help="Bring sound of another rate to the model's (needs rnnedge[live]).")
]
DecimalOption = Annotated[
    str,
    typer.Option(
        "--decimal",
        help="The sign in numbers of text: . or ,; with a comma, cells are between semicolons, tabs or spaces.",
        **one_of(lambda: (".", ",")),
    ),
]
LogitsOption = Annotated[
    bool, typer.Option("--logits", help="Values of labels as the network gives them, not as probabilities.")
]


def read_options(raw: str | None, channel: str | None, resample: bool, decimal: str) -> ReadOptions:
    """As `rnnedge.frames.read_frames` takes them; raises `typer.BadParameter`, exit code 2, for a bad one."""
    from rnnedge.frames import ReadOptions
    from rnnedge_runtime.errors import InputError

    try:
        return ReadOptions(raw or "", channel or "", resample, decimal)
    except InputError as error:
        raise typer.BadParameter(str(error)) from error
