"""What other tools call it: a name that is not there is answered with the one that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NoReturn

_RUN = "run(frames) takes a whole sequence, stream().push(frames) the next frames of one"
_CONTRACT = "contract.{0} has them"
MODEL = {
    **dict.fromkeys(("predict", "infer", "inference", "forward", "eval", "process", "call", "invoke"), _RUN),
    **dict.fromkeys(("push", "step", "feed"), "start a stream: model.stream().push(frames)"),
    **dict.fromkeys(("reset", "finish", "snapshot"), "streams have it: stream = model.stream()"),
    **dict.fromkeys(("inputs", "input_names", "get_inputs", "input_shape"), _CONTRACT.format("inputs")),
    **dict.fromkeys(("outputs", "output_names", "get_outputs", "output_shape"), _CONTRACT.format("outputs")),
    **dict.fromkeys(("states", "state", "hidden"), _CONTRACT.format("states")),
    **dict.fromkeys(("sample_rate", "frame_rate", "rate", "sr"), "contract.frame_rate_hz says it"),
    **dict.fromkeys(("classes", "class_names", "names"), "labels names the values of a frame"),
    **dict.fromkeys(("close", "release", "dispose"), "nothing has to be closed"),
    **dict.fromkeys(("to", "cuda", "cpu"), 'load(path, provider="cuda") chooses it'),
}
STREAM = {
    **dict.fromkeys(("run", "predict", "process", "feed", "infer", "forward", "write", "send"), "push(frames) does it"),
    **dict.fromkeys(("flush", "end", "drain"), "finish() gives what only the end completes"),
    **dict.fromkeys(("state", "hidden", "get_state", "state_dict", "save_state"), "states or snapshot() has it"),
    **dict.fromkeys(("set_state", "load_state", "load_state_dict"), "restore(snapshot) does it"),
    **dict.fromkeys(("close", "stop", "release"), "nothing has to be closed; finish() ends the sequence"),
    **dict.fromkeys(("clone", "fork"), "copy() does it"),
    **dict.fromkeys(("reset_state", "reset_states", "clear", "restart"), "reset() begins another sequence"),
}


class Meant:
    """Raises `AttributeError` with the name that is meant; `_meant`: names of other tools, and a sentence for each."""

    _meant: ClassVar[Mapping[str, str]] = {}

    # A type checker would take any name for one that is there.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            hint = self._meant.get(name)
            words = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(f"{words}; {hint}" if hint else words, name=name, obj=self)
