"""A verb that answers the options of other tools with ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer.core

# What other tools call it: the first of these that the verb has.
_MEANT = {
    **dict.fromkeys(
        ("--checkpoint", "--ckpt", "--state-dict", "--model-weights", "--pretrained", "--load"), ("--weights", "--from")
    ),
    **dict.fromkeys(
        ("--quantize", "--quant", "--dtype", "--bits", "--int8", "--int4", "--fp16", "--half", "--float16"),
        ("--precision",),
    ),
    **dict.fromkeys(("--device", "--backend", "--engine", "--ep", "--execution-provider"), ("--provider", "--target")),
    **dict.fromkeys(("--out", "--output-file", "--out-dir", "--output-dir", "--dest", "--onnx"), ("--output",)),
    **dict.fromkeys(
        ("--input-shape", "--shape", "--example-input", "--example-inputs", "--dummy-input", "--sample-input"),
        ("--example",),
    ),
    **dict.fromkeys(("--sample-rate", "--sampling-rate", "--sr", "--rate", "--fps"), ("--frame-rate", "--resample")),
    **dict.fromkeys(("--duration", "--time", "--iterations", "--iters", "--repeat", "--runs"), ("--seconds",)),
    **dict.fromkeys(("--num-threads", "--jobs", "--cores"), ("--threads",)),
    **dict.fromkeys(("--arch", "--platform", "--cpu", "--march", "--mcpu"), ("--target",)),
    **dict.fromkeys(("--threshold", "--thresholds", "--trigger", "--on"), ("--events",)),
    **dict.fromkeys(("--atol", "--rtol", "--tol", "--eps", "--error"), ("--tolerance",)),
    **dict.fromkeys(("--reference", "--source", "--module", "--model", "--pytorch", "--torch"), ("--against",)),
    **dict.fromkeys(("--classes", "--class-names", "--names"), ("--labels",)),
    **dict.fromkeys(("--opset-version", "--opset_version"), ("--opset",)),
    **dict.fromkeys(("--mean", "--std", "--scale"), ("--normalization",)),
    **dict.fromkeys(("--mode", "--unroll", "--scan", "--step", "--native", "--streaming"), ("--form",)),
    **dict.fromkeys(("--seq-len", "--max-length", "--max-len", "--length"), ("--longest", "--example")),
    **dict.fromkeys(("--chunk-size", "--block-size", "--frames"), ("--chunk", "--block")),
    **dict.fromkeys(("--report", "--plot", "--page"), ("--html",)),
    **dict.fromkeys(("--lr", "--learning-rate"), ("--set training.learning_rate",)),
    **dict.fromkeys(("--batch-size", "--batch"), ("--set training.batch_size", "--streams")),
    **dict.fromkeys(("--layers", "--num-hidden-layers"), ("--num-layers",)),
    **dict.fromkeys(("--hidden", "--units", "--hidden-dim"), ("--hidden-size",)),
    **dict.fromkeys(("--verbose", "-v", "--traceback"), ("--debug",)),
    **dict.fromkeys(("-p", "--listen-port"), ("--port", "--provider")),
}  # fmt: skip

# What other tools have to be told: why these verbs need no such option.
_NOT_NEEDED = {
    **dict.fromkeys(
        ("--dynamic-axes", "--dynamic-shapes", "--dynamic", "--batch-size", "--batch"),
        ({"export", "tune"}, "A file takes any number of frames and of sequences"),
    ),
    **dict.fromkeys(
        ("--input-names", "--output-names", "--input-name", "--output-name"),
        ({"export"}, "Ports have the names that forward gives them; rnnedge inspect shows them"),
    ),
    **dict.fromkeys(
        ("--verify", "--check", "--validate", "--simplify", "--optimize", "--constant-folding"),
        ({"export"}, "Every file is simplified and proven before it is written"),
    ),
    **dict.fromkeys(("--warmup", "--warm-up"), ({"bench"}, "Where the warm-up ends is found in the run")),
    **dict.fromkeys(
        ("--target", "--platform", "--arch"), ({"export"}, "Then: rnnedge compile NET.onnx -o FOLDER --target NAME")
    ),
    **dict.fromkeys(
        ("--overwrite", "--force", "-f", "-y"), ({"export", "run", "score"}, "A file that is there is replaced")
    ),
}  # fmt: skip


class Verb(typer.core.TyperCommand):
    """Answers an option of another tool with ours or with why there is none, and a missing -o with what to write."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `args` as the options and arguments of this verb."""
        # The shell asks what may follow.
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        options: list[Any] = [one for one in self.params if one.param_type_name == "option"]
        known = {text: one for one in options for text in (*one.opts, *one.secondary_opts)} | {"--debug": None}
        for text in args[: args.index("--")] if "--" in args else args:
            asked = text.partition("=")[0]
            if asked not in known and (meant := _meant(asked, known)):
                ctx.fail(f"No such option: {asked}. Did you mean {meant}?")
            verbs, reason = _NOT_NEEDED.get(asked.lower().replace("_", "-"), ((), ""))
            if asked not in known and self.name in verbs:
                ctx.fail(f"No such option: {asked}. {reason}.")
        for one in options:
            if one.name == "output" and one.required and args and not any(map(_writes, args)):
                ctx.fail(f"Missing option '-o' / '--output': {one.help[:1].lower()}{one.help[1:-1]}{_perhaps(args)}.")
        return super().parse_args(ctx, args)


def _meant(asked: str, known: Any) -> str | None:
    for option in _MEANT.get(asked.lower(), ()):
        if option.split()[0] in known:
            return option
    return None


def _writes(text: str) -> bool:
    """Whether this part of a line says where to write, or asks for help."""
    return text in ("-h", "--help") or text.startswith(("-o", "--output"))


def _perhaps(args: list[str]) -> str:
    """What stands at the end of a line in the place of an output."""
    from rnnedge_runtime.plain_file import is_there

    last = args[-1]
    names_a_new_file = len(args) > 1 and Path(last).suffix[1:].isalnum() and not is_there(last)
    return f"; did you mean -o {last}" if names_a_new_file and not last.startswith("-") else ""
