"""`rnnedge run` with a source that is live, or a sink: what its options mean there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from rnnedge.cli._words import usage_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rnnedge.frames import ReadOptions
    from rnnedge.live.buffer import Full
    from rnnedge_runtime import Event, Model
    from rnnedge_runtime.faults import Gap, NonFinite

_PLAIN = ("file", "-")


@dataclass(frozen=True)
class LiveOptions:
    """The options of `rnnedge run` that a live stream has; None for those that were not given."""

    to: str | None
    events: list[str] | None
    gap: str | None
    queue: int | None
    full: str | None

    @property
    def file(self) -> Path | None:
        """The file of `--to`, if it is one; `InputError` where it can only be a folder."""
        from rnnedge_runtime.atomic import as_file

        found = None if self.to is None else _text_of(self.to)
        return None if found is None else as_file(found)

    def asked(self, source: str) -> bool:
        """Whether this is a live stream: its source has a scheme, or one of these options was given."""
        from rnnedge.live.protocol.address import scheme_of

        return scheme_of(source) not in _PLAIN or any(value for value in vars(self).values())


def file_of(text: str) -> Path | None:
    """The file that an address or a path leads to; None for another kind of address, and for a standard stream."""
    found = _text_of(text)
    return None if found is None else Path(found)


def _text_of(text: str) -> str | None:
    from rnnedge.live.protocol.address import parse_address, scheme_of

    return parse_address(text).path if scheme_of(text) == "file" else None


def run(
    model: Model,
    source: str,
    options: LiveOptions,
    output: Path | None,
    non_finite: str,
    values: bool,
    context: Mapping[str, object],
    logits: bool,
    reading: ReadOptions,
) -> None:
    """Stream `source` into the sink until it ends, and say on stderr what was lost."""
    from rnnedge.cli._output import say
    from rnnedge.live import Detector, Session, open_sink, open_source, run_live
    from rnnedge.live.predictions import check_table

    def tell(event: Event) -> None:
        if event.kind != "rejected":
            say(f"frame {event.frame}: {event.text}")

    session = Session(
        model,
        context=context,
        gap=cast("Gap", options.gap or "hold"),
        non_finite=cast("NonFinite", non_finite),
        on_event=tell,
    )
    with usage_of("--events"):
        detector = Detector(model.contract, *_rules(model, options.events)) if options.events else None
    place = _sink(options.to, output)
    if detector is None and (_text_of(place) or "").lower().endswith(".csv"):
        check_table(model.contract, values)
    opened = open_source(source, model.contract, say, reading)
    try:
        sink = open_sink(place)
        try:
            more: dict[str, Any] = {
                "detector": detector,
                "values": values,
                "logits": logits,
                "queue": options.queue or 64,
            }
            report = run_live(opened, session, sink, model, full=cast("Full | None", options.full), **more)
        finally:
            sink.close()
    finally:
        opened.close()
    if report.lost:
        say(f"{source}: {report.lost:,} frames lost, {report.dropped:,} of them because too many waited")
    if detector is not None and (silence := detector.silence()):
        say(f"{source}: {silence}")


def _sink(to: str | None, output: Path | None) -> str:
    if to is not None and output is not None:
        raise typer.BadParameter("expected --to or --output, found both", param_hint="--to")
    # A file, whatever its name looks like.
    return to or (f"file:{output}" if output else "-")


def _rules(model: Model, texts: list[str]) -> Any:
    from rnnedge.live.events import labels_of, parse_rules

    flat = [port for port in model.contract.results if port.per_frame and len(port.frame_shape) == 1]
    return parse_rules(texts, labels_of(model.contract, flat[0].frame_shape[0]) if flat else ())
