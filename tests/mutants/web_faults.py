"""Faults of a web site: its modules for JavaScript, and what they are told of the contract."""

from __future__ import annotations

from typing import Any

from injection import Injection, fault

from rnnedge_export.codegen import _site as site
from rnnedge_export.codegen.render import _site as modules


def _planted(injection: Injection, file: str, old: str, new: str) -> None:
    injection.template(modules, f"web/rnnedge-{file}.js", old, new)


@fault("web", "reader of four", "web")
def page_reset_keeps_frames(injection: Injection) -> None:
    """A reset leaves frames that wait for a whole call."""
    _planted(injection, "stream", "] = [0, 0, 0, false, false];", "] = [0, this.#held, 0, false, false];")


@fault("web", "windows ahead, step", "web")
def page_reset_keeps_the_skip(injection: Injection) -> None:
    """After a reset the frames before frame 0 are given out."""
    _planted(
        injection,
        "stream",
        "this.#skip = outputs.map((port) => (port.perFrame ? port.cl",
        "this.#skip ??= outputs.map((port) => (port.perFrame ? port.cl",
    )


@fault("web", "reader of four", "web")
def page_finishes_again(injection: Injection) -> None:
    """A second finish is taken."""
    _planted(injection, "stream", "    this.#finished = true;\n", "")


@fault("web", "reader of four", "web")
def page_snapshot_without_waiting_frames(injection: Injection) -> None:
    """A snapshot loses the frames that wait."""
    _planted(injection, "stream", "if (!this.#held) return;", "return;")


@fault("web", "held windows, step", "web")
def page_holds_no_more_after_a_restore(injection: Injection) -> None:
    """After a restore in the first calls states are not held."""
    _planted(injection, "stream", "[frames, calls, finished, true];", "[frames, calls, finished, false];")


@fault("web", "windows ahead, step", "web")
def page_restores_without_the_skip(injection: Injection) -> None:
    """A restore counts what is skipped from the beginning."""
    _planted(injection, "stream", "port.perFrame ? perFrame.shift() : 0", "port.perFrame ? port.clock.delay : 0")


@fault("web", "tagger, step", "web")
def page_streams_share_memory(injection: Injection) -> None:
    """The memory of a stream that was freed is given to every stream after it."""
    _planted(injection, "model", "this.#spare.pop() ??", "this.#spare.at(-1) ??")


@fault("web", "tagger, step", "web")
def page_takes_infinities(injection: Injection) -> None:
    """An infinity is no odd number."""
    _planted(injection, "numbers", "if (!Number.isFinite(array[k])) return k;", "if (Number.isNaN(array[k])) return k;")


@fault("web", "reader of four", "web")
def page_takes_numbers_of_no_row(injection: Injection) -> None:
    """A number below the range of an input is the last row of its table."""
    _planted(injection, "frames", "checkWithin(array, range, `push: ${name}`, place);", "")


@fault("web", "voice", "web")
def page_sets_one_value(injection: Injection) -> None:
    """Of several values per sequence the first one is set."""
    _planted(injection, "context", "    found.set(name,", "    if (!found.size) found.set(name,")


@fault("web", "scores, step", "web")
def page_softmax_without_a_sum(injection: Injection) -> None:
    """Probabilities are not divided by their sum."""
    _planted(injection, "scores", "row[k] = e / sum", "row[k] = e")


@fault("web", "windows ahead, step", "web")
def page_counts_rounded(injection: Injection) -> None:
    """A part of an output frame counts as a whole one."""
    _planted(
        injection,
        "clock",
        "const floored = (a, b) => Math.floor(a / b);",
        "const floored = (a, b) => Math.round(a / b);",
    )


@fault("web", "windows ahead, step", "web")
def page_mask_beyond_the_end(injection: Injection) -> None:
    """The mask of the end is a frame too long."""
    _planted(injection, "clock", "start + k < end ? 1 : 0", "start + k <= end ? 1 : 0")


@fault("web", "reader of four", "web")
def page_last_frame_of_a_call(injection: Injection) -> None:
    """The last frame of a sequence is looked for at the end of its call."""
    _planted(injection, "clock", "Math.max(end - 1 - start, 0)", "Math.max(frames - 1, 0)")


@fault("web", "tagger, step", "web")
def page_views_of_old_memory(injection: Injection) -> None:
    """The arrays of a call are those of the memory before it grew."""
    _planted(injection, "stream", "if (this.#buffer === memory.buffer)", "if (this.#buffer)")


@fault("web", "held windows, step", "web")
def page_holds_a_call_less(injection: Injection) -> None:
    """After a restore states are held for a call less."""
    _planted(injection, "stream", "this.#calls <= states[k].warmup ?", "this.#calls < states[k].warmup ?")


@fault("web", "tagger, step", "web")
def page_sample_taken_whatever_it_is(injection: Injection) -> None:
    """The replay of the recorded sample takes every number."""
    _planted(injection, "model", "if (!(error <= allowed[k]))", "if (error > 1e9)")


@fault("web", "recurrence ahead, step", "web")
def page_without_zeros_after_the_end(injection: Injection) -> None:
    """The frames of the call before stand after the last ones."""
    _planted(injection, "stream", "      this.#clear();\n", "")


@fault("web", "reader of four", "web")
def page_frames_held_at_the_end(injection: Injection) -> None:
    """What only the end completes is cut by a call."""
    _planted(
        injection,
        "clock",
        "Math.ceil((Math.max(...needs) - fed) / unit)",
        "Math.floor((Math.max(...needs) - fed) / unit)",
    )


@fault("web", "tagger, step", "web")
def page_snapshot_of_another_model(injection: Injection) -> None:
    """A snapshot names another file, so that Python refuses it."""
    _planted(injection, "stream", "return pack(digest, source,", "return pack(source, digest,")


@fault("web", "scores, step", "web")
def page_snapshot_without_summaries(injection: Injection) -> None:
    """A restore leaves the latest summaries as they were."""
    _planted(
        injection,
        "stream",
        "if (!port.perFrame) views.outputs[k].set(",
        "if (port.name === null) views.outputs[k].set(",
    )


@fault("web", "tagger, step", "web")
def page_counts_no_frames(injection: Injection) -> None:
    """The stream counts calls as frames."""
    _planted(injection, "stream", "this.#frames += taken;", "this.#frames += taken * 2;")


def _told(injection: Injection, key: str, value: Any) -> None:
    injection.result(site, "web_contract", lambda said: {**said, key: value})


@fault("web", "tagger", "web")
def page_labels_in_reverse(injection: Injection) -> None:
    """The page shows the labels in reverse."""
    injection.result(site, "web_contract", lambda said: {**said, "labels": said["labels"][::-1]})


@fault("web", "tagger", "web")
def page_without_its_rate(injection: Injection) -> None:
    """The page does not know how many frames come in a second."""
    _told(injection, "frameRateHz", None)


@fault("web", "windows ahead, step", "web")
def page_said_to_wait_for_nothing(injection: Injection) -> None:
    """The page is told that no output waits."""
    _told(injection, "lookahead", 0)


@fault("web", "scores, step", "web")
def page_scores_of_another_kind(injection: Injection) -> None:
    """The page takes values for sigmoids that are none."""
    injection.source("codegen._site:_port", "scores_of_port(contract, port)", '"sigmoid"')
