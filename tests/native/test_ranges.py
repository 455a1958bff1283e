"""Generated C refuses a number that the source does not take, as the runtime does: no row has one below 0."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import nn

from rnnedge_export.codegen import build
from rnnedge_export.codegen.toolchain import system_compiler
from rnnedge_runtime import load

ROWS = 9
LIMITS = np.iinfo(np.int64)
# Rows of the table; and numbers around them, from the end of the table too, as ONNX would have them.
GOOD = (0, 1, ROWS - 1)
BAD = (-1, -ROWS, -ROWS - 1, ROWS, 2**31, 2**32 + 1, LIMITS.min, LIMITS.max)
MAIN = r"""
#include <stdio.h>
#include "net.h"
int main(void) {
  static const int64_t given[] = {@NUMBERS@};
  static net one;
  float y[NET_Y_SIZE];
  net_init(&one);
  for (unsigned k = 0; k < sizeof given / sizeof *given; k++) {
    int64_t x[NET_X_SIZE];
    for (int i = 0; i < NET_X_SIZE; i++) x[i] = i == NET_X_SIZE - 1 ? given[k] : 0;
    if (k % @GROUP@ == @GROUP@ - 1) net_reset(&one);
    net_step(&one, x, y);
    printf("%d", (int)net_refused(&one));
  }
  return 0;
}
"""


class Tokens(nn.Module):
    """Rows of a table, several of them in a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(ROWS, 4)
        self.layer = nn.GRU(8, 3, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, 2) to (batch, time, 3)."""
        return self.layer(self.table(x).flatten(2))[0]


class Voice(nn.Module):
    """A value per sequence is a row of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(ROWS, 2)

    def forward(self, x: torch.Tensor, voice: torch.Tensor) -> torch.Tensor:
        """(batch, time, 2), (batch,) to (batch, time, 2)."""
        return torch.cumsum(x, 1) * self.table(voice)[:, None]


class Kinds(nn.Module):
    """No table: whole numbers whose range is none that a row would show."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, 2) to (batch, time, 9)."""
        return torch.cumsum(nn.functional.one_hot(x, ROWS).sum(2).float(), 1)


@pytest.mark.parametrize("network", [Tokens, Kinds])
def test_a_number_that_the_source_does_not_take_is_refused(network: type[nn.Module], tmp_path: Path) -> None:
    """In a step of C, wherever in a frame; and so is every step until the stream is reset, for it means nothing."""
    torch.manual_seed(0)
    path = tmp_path / "net.onnx"
    quickly.export(network().eval(), torch.randint(0, ROWS, (1, 12, 2)), path, form="step")
    assert load(path).contract.inputs[0].range == (0, ROWS - 1)
    assert _said(path, MAIN) == "11110" * len(BAD)


def test_a_value_per_sequence_is_looked_at_in_every_step(tmp_path: Path) -> None:
    """Whoever sets it in C has no runtime that looks at it first."""
    torch.manual_seed(0)
    path = tmp_path / "net.onnx"
    quickly.export(Voice().eval(), (torch.randn(2, 12, 2), torch.tensor([1, 2])), path, form="step")
    assert next(s.range for s in load(path).contract.states if s.input == "voice") == (0, ROWS - 1)
    main = MAIN.replace("int64_t x[NET_X_SIZE];", "float x[NET_X_SIZE] = {0};").replace(
        "for (int i = 0; i < NET_X_SIZE; i++) x[i] = i == NET_X_SIZE - 1 ? given[k] : 0;",
        "net_set_voice(&one, given + k);",
    )
    assert _said(path, main) == "11110" * len(BAD)


def _said(path: Path, main: str) -> str:
    """Of each number in turn, whether the step was refused."""
    folder = path.parent
    build(path.read_bytes(), "c", folder, name="net")
    given = [number for bad in BAD for number in (bad, *GOOD, GOOD[0])]
    words = ", ".join("INT64_MIN" if x == LIMITS.min else f"INT64_C({x})" for x in given)
    (folder / "main.c").write_text(main.replace("@NUMBERS@", words).replace("@GROUP@", str(len(GOOD) + 2)))
    program = folder / "main"
    system_compiler().compile(["-std=c11", "-O1"], [folder / "main.c", folder / "net.c"], program)
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout
