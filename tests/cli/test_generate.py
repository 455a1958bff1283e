"""`rnnedge generate` on an exported file."""

from __future__ import annotations

from pathlib import Path

import pytest
import quickly
import torch
from command import Command

from examples.networks import small as networks

CHARACTERS = "abcdefghij "


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.nn.Module]:
    """A model of eleven characters that has learned nothing, and its file."""
    module, example = networks.build("tokens")
    path = tmp_path_factory.mktemp("text") / "text.onnx"
    quickly.export(module, example, path, labels=tuple(CHARACTERS))
    return path, module


def test_the_likeliest_text_is_that_of_the_module(
    rnnedge: Command, language_model: tuple[Path, torch.nn.Module]
) -> None:
    """At temperature 0, each character goes on from all before it."""
    path, module = language_model
    tokens = [CHARACTERS.index(character) for character in "bad cab"]
    with torch.no_grad():
        for _ in range(30):
            tokens.append(int(module(torch.tensor([tokens]))[0, -1].argmax()))
    done = rnnedge("generate", path, "--prompt", "bad cab", "--length", 30, "--temperature", 0)
    assert (done.code, done.out) == (0, "".join(CHARACTERS[token] for token in tokens) + "\n")


def test_drawn_text_is_repeatable(rnnedge: Command, language_model: tuple[Path, torch.nn.Module]) -> None:
    """By its seed, and another seed draws another one."""
    path, _ = language_model
    texts = [rnnedge("generate", path, "--prompt", "a", "--seed", seed, "--json").json["text"] for seed in (1, 1, 2)]
    assert len(texts[0]) == 400
    assert texts[0] == texts[1] != texts[2]
    assert set(texts[0]) <= set(CHARACTERS)


def test_a_character_that_the_model_does_not_know(
    rnnedge: Command, language_model: tuple[Path, torch.nn.Module]
) -> None:
    """Is named, with its place."""
    done = rnnedge("generate", language_model[0], "--prompt", "abZ")
    assert done.code == 6
    assert "prompt: character 2: expected one of the 11" in done.err
