"""The reach of a gradient in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnedge.explain._memory import Reach


def reach_words(reach: Reach) -> str:
    """From which distances on less than half, and less than 1 %, of the largest gradient is left."""
    half, far = reach.length(0.5), reach.length(0.01)
    first = f"How much the output would move with the input so many frames before frame {reach.frame}. "
    if half is None:
        return (
            f"{first}More than half of it is left at the beginning of the sequence: give a longer one to see its end."
        )
    if far is None:
        return f"{first}Half of it is gone {half} frames back; 1 % of it reaches to the beginning of the sequence."
    return (
        f"{first}Half of it is gone {half} frames back, and all but 1 % {far} frames back: beyond that the network is "
        "as good as blind."
    )
