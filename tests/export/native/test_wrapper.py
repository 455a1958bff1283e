"""What stands around a program, whatever its file calls things."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from one_node import Case, compiled

from rnnedge_export.native.weights import Weights
from rnnedge_export.native.wrapper import header, in_comment


@pytest.mark.parametrize("name", ["*/ evil /*", "**//evil/*", "*\\\n/ evil /*", "*\n/ evil", "/* evil", "\\"])
def test_a_name_stays_in_its_comment(name: str) -> None:
    """Names and paths come from whoever made the file, and what is compiled runs."""
    case = Case("Relu", [np.ones(3, np.float32)])
    one = compiled(case, case.expected(), Weights())
    one = replace(one, inputs=(replace(one.inputs[0], name=name),), outputs=(replace(one.outputs[0], name=name),))
    for text in (header("net", [one], "0", 0), f"/* {in_comment(name)} */"):
        # Translation phases 2 and 3 of C: lines are joined, then comments end at the first "*/".
        joined = text.replace("\\\n", "")
        assert "evil" not in re.sub(r"/\*.*?\*/", "", joined, flags=re.DOTALL)
        assert joined.count("*/") == len(re.findall(r"/\*.*?\*/", joined, flags=re.DOTALL))
