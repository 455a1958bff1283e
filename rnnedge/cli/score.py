"""Score many recordings into one table: in batches, on all cores; a run that is ended is taken up where it stood.

Each recording is a row: its label and score, and the values of the model, probabilities of the labels where the
file says how (`--logits` leaves the values). Of what the model gives for every frame it is the mean, or as `--reduce`
says. A recording that cannot be read has its reason in the column `error`, and the exit code is 6.

**Examples:**

- `rnnedge score speech.onnx 'archive/**/*.wav' -o scores.parquet`
- `rnnedge score motor.onnx runs/*.npy -o scores.csv --reduce max --workers 2`
- `rnnedge score speech.onnx '/shared/archive/**/*.wav' -o scores.parquet --on ray://head:10001`
"""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Annotated

import typer

from rnnedge.cli._model_file import ModelFile
from rnnedge.cli._opening import Opening, with_fields
from rnnedge.cli._options import file_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._providers import ProviderOption, ProviderOptions, provider_options
from rnnedge.cli._reading import ChannelOption, DecimalOption, LogitsOption, ResampleOption, read_options
from rnnedge.cli._words import one_of


@with_fields
def command(
    file: ModelFile,
    recordings: Annotated[list[str], typer.Argument(help="Recordings that rnnedge run reads, or patterns of them.")],
    output: Annotated[Path, file_option("-o", "--output", help="The table: .csv or .parquet.")],
    reduce: Annotated[
        str,
        typer.Option(
            help="Of what there is for every frame: mean, max or last.", **one_of(lambda: ("mean", "max", "last"))
        ),
    ] = "mean",
    batch: Annotated[int, typer.Option(help="Recordings of like length that run together.", min=1)] = 16,
    workers: Annotated[int, typer.Option(help="Processes; 0: one for each core.", min=0)] = 0,
    on: Annotated[
        str | None, typer.Option(help="Score there: ray (a cluster on this machine) or ray://HOST:PORT.")
    ] = None,
    channel: ChannelOption = None,
    resample: ResampleOption = False,
    decimal: DecimalOption = ".",
    logits: LogitsOption = False,
    provider: ProviderOption = "cpu",
    provider_option: ProviderOptions = None,
    *,
    opening: Opening,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import counted, print_json, say, stages
    from rnnedge.cli._outputs import check_outputs
    from rnnedge.live.scoring import ScoreOptions, score_archive
    from rnnedge_runtime.errors import InputError

    paths = _found(recordings)
    check_outputs({"--output": output}, [file, opening.key, *paths])
    asked = {**vars(opening), "provider": provider, "provider_options": provider_options(provider_option)}
    reading = read_options(None, channel, resample, decimal)
    options = ScoreOptions(reduce, batch, workers, asked, reading, on, logits)
    with stages("scoring") as stage:
        failed = score_archive(
            file, paths, output, options, lambda done, total: stage(f"{done:,} of {total:,} recordings")
        )
    if json:
        print_json("score", {"file": str(file), "recordings": len(paths), "failed": failed, "output": str(output)})
    else:
        say(f"{output}: {counted(len(paths), 'recording')}")
    if failed:
        raise InputError(
            f"{output}: {failed:,} of {len(paths):,} recordings could not be scored; the column error says why"
        )


def _found(patterns: list[str]) -> list[str]:
    """The files of the patterns, each once, in their order; a path without a file stays, and is told in its row."""
    from rnnedge_runtime.errors import InputError
    from rnnedge_runtime.plain_file import is_folder

    found: dict[str, None] = {}
    for pattern in patterns:
        # A pattern may begin at the root, which those of pathlib may not.
        matches = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
        if not matches:
            raise InputError(f"{pattern}: expected recordings, found none")
        files = [path for path in matches if not is_folder(path)]
        if not files:
            raise InputError(f"{pattern}: expected recordings, found a folder; give those in it, as {pattern}/**/*.wav")
        found |= dict.fromkeys(files)
    return list(found)
