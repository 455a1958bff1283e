"""The labels of a file in the source of other languages, for who wants a word and not a number."""

from __future__ import annotations

from collections.abc import Sequence

from rnnedge_export.codegen.render._text import string
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.scores import scores_of

_LETTERS = 100
_MADE_BY = {
    "raw": "",
    "softmax": "; their softmax gives the probabilities",
    "sigmoid": "; the sigmoid of each is its probability",
}


def labels_of(contract: Contract) -> Sequence[str]:
    """Those of the values of a frame of the first output; none if these are not as many."""
    labels = contract.labels
    return labels if labels and contract.outputs[0].frame_shape == (len(labels),) else ()


def in_words(contract: Contract) -> str:
    """What the values of labels are, for documentation."""
    return f"What each value of a frame of the first output is of{_MADE_BY[scores_of(contract)]}."


def literals(labels: Sequence[str], language: str) -> str:
    """A string for each in that language, with commas between."""
    return ", ".join(map(_rust if language == "rust" else string, map(_whole, labels)))


def macro(model: str, contract: Contract) -> str:
    """The lines of the header: a macro takes no memory where nobody names it."""
    labels = labels_of(contract)
    if not labels:
        return ""
    lines = [""]
    for text in map(string, map(_whole, labels)):
        if len(lines[-1]) + len(text) > _LETTERS:
            lines.append("")
        lines[-1] += f"{text}, "
    rows = " \\\n".join(f"  {line.rstrip()}" for line in lines).rstrip(",")
    count = f"#define {model}_LABEL_COUNT {len(labels)}"
    return f"/* {in_words(contract)} */\n{count}\n#define {model}_LABELS {{ \\\n{rows}}}\n\n"


def _whole(text: str) -> str:
    """No halves of characters, which UTF-8 has no bytes for."""
    return text.encode("utf-8", "replace").decode()


def _rust(text: str) -> str:
    return (
        '"'
        + "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\u{{{ord(c):x}}}" for c in text)
        + '"'
    )
