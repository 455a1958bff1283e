"""Why padding along time by the other end of the sequence cannot stream, and what to write instead."""

from __future__ import annotations

REMEDY = "pad with mode='constant', 'reflect' or 'replicate'"
NEVER = ("wrap",)
"""Modes that no amount of frames makes stream."""


def reason_against(mode: str) -> str:
    """What is wrong with a mode of ONNX's Pad."""
    if mode != "wrap":
        return f"{mode} padding along time (functional.pad) is not known"
    return "circular padding along time (functional.pad) needs the end of the sequence in front"
