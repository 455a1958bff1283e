"""A door that is tried with junk in one argument, and in two at once."""

from __future__ import annotations

import warnings
from typing import Literal

from door import EXAMPLES, Door
from hypothesis import given, settings
from hypothesis import strategies as st
from junk import junk


def check_junk(
    door: Door, warned: Literal["error", "ignore"], of: type[Warning] = Warning, *, examples: int = EXAMPLES
) -> None:
    """Every answer is an error of ours, or none, and nothing has changed (see `Door.try_with`).

    `warned`: what a warning of the kind `of` counts as meanwhile.
    """

    @settings(max_examples=examples)
    @given(st.data())
    def tried(data: st.DataObject) -> None:
        wrong = data.draw(st.sets(st.sampled_from(door.arguments()), min_size=1, max_size=2))
        with warnings.catch_warnings():
            warnings.simplefilter(warned, of)
            door.try_with({argument: data.draw(junk(), label=argument) for argument in sorted(wrong)})

    tried()
