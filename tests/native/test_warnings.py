"""The C of whole networks has no warning, in two compilers, and reads like C that a person wrote.

The files of every other test of this folder, and the nodes of `tests/export/codegen`, are built without a warning of
gcc, too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import idioms
import pytest
import quickly
import torch
from exported import export_network
from shares import those
from torch import nn

from examples.networks import NETWORKS
from examples.networks import small as networks
from rnnedge_export.codegen import Source, write_c
from rnnedge_export.precision import Precision
from rnnedge_runtime.errors import ModelRefused

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")

WARNINGS = "-std=gnu99 -DRNNEDGE_LIBRARY -Wall -Wextra -Wpedantic -Werror".split()
PRECISIONS = ("bf16", "int8", "int4")
NAMES = those(["both", "tokens", "int8", "int4"], [*PRECISIONS, *networks.NETWORKS, *NETWORKS, *idioms.IDIOMS])


def _file(name: str, folder: Path) -> Path:
    path = folder / "net.onnx"
    if name in PRECISIONS:
        module, how = nn.LSTM(20, 48, batch_first=True).eval(), Precision(name, tolerance=5.0)
        quickly.export(module, torch.zeros(1, 8, 20), path, form="step", precision=how)
    elif name in networks.NETWORKS:
        return export_network(name, "step" if name == "tokens" else "native", folder).path
    elif name in NETWORKS:
        case = NETWORKS[name]
        module, example = case.build()
        how = {"time_axis": case.time_axis, "frame_rate_hz": case.frame_rate_hz}
        quickly.export(module, example, path, form="step", **how)
    else:
        idiom = idioms.IDIOMS[name]
        example = idiom.example if len(idiom.example) > 1 else idiom.example[0]
        quickly.export(idiom.build().eval(), example, path, form="step")
    return path


@pytest.fixture(scope="module", params=NAMES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The C of a network, for one sequence and for three, and for several steps in one call where it can make them."""
    folder = tmp_path_factory.mktemp("network")
    try:
        return write_c(_file(request.param, folder).read_bytes(), "net", lanes=8, block=3, stretch=True)
    except ModelRefused as error:
        if "no rule for this operator" not in str(error):
            raise
        pytest.skip(str(error))


def _gcc() -> list[str]:
    return ["cc", "-O1", "-Wno-psabi"]


def _clang() -> list[str]:
    pytest.importorskip("ziglang")
    return [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu", "-mcpu=x86_64_v3", "-O0"]


@pytest.mark.parametrize("compiler", [_gcc, _clang])
def test_no_compiler_warns(written: Source, compiler: Callable[[], list[str]], tmp_path: Path) -> None:
    """gcc, and clang as zig has it, with -Wall -Wextra -Wpedantic -Werror."""
    (tmp_path / "net.c").write_text(written.c)
    (tmp_path / "net.h").write_text(written.h)
    command = [*compiler(), *WARNINGS, "-c", "-o", "net.o", "net.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]


def test_one_statement_a_line_and_every_block_further_in(written: Source) -> None:
    """Of the functions over the network; kernels are files that people wrote."""
    text = written.c[written.c.index("size_t net_bytes(void) {") : written.c.index("#ifdef RNNEDGE_LIBRARY")]
    depth, within = 0, False
    for number, line in enumerate(text.splitlines()):
        bare = re.sub(r"/\*.*?\*/", "", line)
        comment, within = within, "/*" in bare or (within and "*/" not in bare)
        if comment or within or not line.strip():
            continue
        statement = re.sub(r"\bfor \(.*?;.*?;.*?\)", "for", bare)
        assert statement.count(";") <= 1, line
        opened, closed = bare.count("{"), bare.count("}")
        lead = len(line) - len(line.lstrip())
        expected = 2 * (depth - (bare.lstrip().startswith("}")))
        assert lead == expected or lead == expected + 4, (number, line)
        assert len(line) <= 120, line
        depth += opened - closed
    assert depth == 0


def test_every_group_of_statements_names_its_nodes(written: Source) -> None:
    """Operator and name, as the file has them."""
    step = written.c[written.c.index("void net_step(") :]
    assert re.search(r"^  /\* [A-Z]\w+ '[^']+'", step, flags=re.MULTILINE)
