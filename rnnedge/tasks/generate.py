"""Write text with an exported language model: numpy and the runtime, nothing else.

The file says itself what its tokens are: label number i is the character of token i and of output i.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.model import Model


@dataclass(frozen=True)
class Sampling:
    """How the next character is drawn.

    `temperature`: scores are divided by it; below 1 likely characters become likelier, 0 takes the likeliest. `top_k`:
    only that many of the likeliest are drawn from; 0 for all. The same `seed` gives the same text.
    """

    temperature: float = 1.0
    top_k: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if not 0 <= self.temperature < np.inf:
            raise ValueError(f"temperature: expected 0 or more, found {self.temperature}")
        if self.top_k < 0:
            raise ValueError(f"top_k: expected 0 or more, found {self.top_k}")
        if self.seed < 0:
            raise ValueError(f"seed: expected 0 or more, found {self.seed}")


def generate(model: Model, prompt: str, length: int, sampling: Sampling | None = None) -> Iterator[str]:
    """`length` characters that go on from `prompt`, each as soon as it is drawn; each costs one frame of the stream.

    Raises `ModelRefused` for a file that is no model of characters, `InputError` for a prompt that is empty or has a
    character that the model does not know.
    """
    tokens = tokens_of(model, prompt)
    return _drawn(model, tokens, length, sampling or Sampling())


def tokens_of(model: Model, text: str) -> Array:
    """The tokens (character,) int64 of `text`, which is not empty. Raises what `generate` raises."""
    numbers = {label: number for number, label in enumerate(_characters(model))}
    if not text:
        raise InputError("prompt: expected at least one character, found none")
    for place, character in enumerate(text):
        if character not in numbers:
            raise InputError(
                f"prompt: character {place}: expected one of the {len(numbers)} that {model.name} knows, found "
                f"{character!r}; leave it out"
            )
    return np.array([numbers[character] for character in text], np.int64)


def draw(scores: Array, sampling: Sampling, chance: float) -> int:
    """The token that `chance`, uniform in [0, 1), falls on, with probabilities softmax(scores / temperature).

    `scores` (token,); among equal scores at the edge of `top_k`, lower tokens are kept.
    """
    order = np.argsort(-scores, kind="stable")
    if sampling.temperature == 0:
        return int(order[0])
    kept = order[: sampling.top_k or None]
    best = scores[kept].astype(np.float64)
    sums = np.cumsum(np.exp((best - best[0]) / sampling.temperature))
    return int(kept[min(np.searchsorted(sums, chance * sums[-1], side="right"), len(kept) - 1)])


def _drawn(model: Model, tokens: Array, length: int, sampling: Sampling) -> Iterator[str]:
    characters, random = model.contract.labels, np.random.default_rng(sampling.seed)
    stream = model.stream()
    for _ in range(length):
        scores = np.asarray(stream.push(tokens))[-1]
        token = draw(scores, sampling, random.random())
        yield characters[token]
        tokens = np.array([token], np.int64)


def _characters(model: Model) -> tuple[str, ...]:
    contract = model.contract
    given, taken = contract.outputs[0], contract.inputs[0]
    fits = (
        len(contract.inputs) == len(contract.outputs) == 1
        and (taken.dtype, taken.frame_shape) == ("int64", ())
        and given.frame_shape == (len(contract.labels),)
        and given.per_frame
        and given.clock.lookahead == 0
        and all(len(label) == 1 for label in contract.labels)
    )
    if not fits:
        raise ModelRefused(
            f"{model.name}: expected a model of characters (int64 tokens in, a score for each of its labels out, each "
            f"label a character), found {taken.dtype} {taken.frame_shape} in, {given.frame_shape} out, "
            f"{len(contract.labels)} labels; train one with 'rnnedge train text'"
        )
    return contract.labels
