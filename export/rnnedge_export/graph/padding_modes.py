"""Why padding along time that reads other frames cannot stream, and what to write instead."""

from __future__ import annotations

_WHY = {
    "reflect": ("reflected", "needs frames that come later in front, and frames that are gone at the end"),
    "wrap": ("circular", "needs the end of the sequence in front"),
    "edge": ("replicated", "repeats the last frame behind it, and no call is known to bring it"),
}
REMEDY = "pad with mode='constant', or in front only with mode='replicate'"
NEVER = ("reflect", "wrap")
"""Modes that no amount of frames makes stream."""


def reason_against(mode: str) -> str:
    """What is wrong with a mode of ONNX's Pad."""
    word, why = _WHY.get(mode, (mode, "is not known"))
    return f"{word} padding along time (functional.pad) {why}"
