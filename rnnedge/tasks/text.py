"""What is the next character? A language model of the Python reference: CPython's `pydoc_data.topics`.

The text is that of `help("topics")` in the Python that runs, some 370,000 characters after repetitions are left out;
it differs a little from version to version. It is read from the standard library; nothing is downloaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from rnnedge.training import SequenceData
from rnnedge.training.splits import Splits
from rnnedge_runtime.errors import InputError

UNKNOWN = "\ufffd"
_HELD_OUT = 0.1
_SEEN_OFTEN = 2


def load() -> Splits:
    """The text as one sequence (time,) int64 each, with the next character as target (time,) and characters as labels.

    The last tenth is the test, the tenth before it is for validation. Raises `InputError` where this Python comes
    without its topics.
    """
    train, validation, test = parts()
    labels = alphabet(train)
    numbers = {character: number for number, character in enumerate(labels)}
    first, second, third = (_sequence(text, numbers, labels) for text in (train, validation, test))
    return Splits(first, second, third)


def parts() -> tuple[str, str, str]:
    """Text for training, validation and test: one after the other, no paragraph in two of them.

    Topics are in alphabetical order. One topic may hold another one whole, so a paragraph that was there already is
    left out; else most of what is held out would stand in the training part, too.
    """
    paragraphs = list(unique_paragraphs(topics()))
    ends = np.cumsum([len(paragraph) for paragraph in paragraphs])
    edges = [int(np.searchsorted(ends, ends[-1] * (1 - share))) for share in (2 * _HELD_OUT, _HELD_OUT)]
    cuts = [0, *edges, len(paragraphs)]
    train, validation, test = ("".join(paragraphs[a:b]) for a, b in pairwise(cuts))
    return train, validation, test


def topics() -> Iterable[str]:
    """The topics of `help()`, in alphabetical order of their names."""
    try:
        from pydoc_data.topics import topics as texts
    except ImportError as error:
        raise InputError(
            "pydoc_data.topics: expected the topics of help(), found a Python without them; use one with the whole "
            "standard library"
        ) from error
    return [texts[name] for name in sorted(texts)]


def unique_paragraphs(texts: Iterable[str]) -> Iterable[str]:
    """Every paragraph, with an empty line after it, where it is first; one that differs in spaces only is the same."""
    seen = set()
    for text in texts:
        for paragraph in text.split("\n\n"):
            words = " ".join(paragraph.split())
            if words and words not in seen:
                seen.add(words)
                yield paragraph.strip("\n") + "\n\n"


def alphabet(text: str) -> tuple[str, ...]:
    """The characters that occur at least twice in `text`, and `UNKNOWN`, which stands for all others."""
    counts = Counter(text)
    return (*sorted(c for c in counts if counts[c] >= _SEEN_OFTEN and c != UNKNOWN), UNKNOWN)


def _sequence(text: str, numbers: dict[str, int], labels: tuple[str, ...]) -> SequenceData:
    tokens = np.array([numbers.get(character, numbers[UNKNOWN]) for character in text], np.int64)
    return SequenceData((tokens[:-1],), (tokens[1:],), labels)
