"""Streams in other languages over the generated C."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import conditioned
import numpy as np
import pytest
import quickly
import torch
from torch import nn
from windows import Ahead

from rnnedge_export.codegen import build
from rnnedge_export.codegen.render._bindings import _members
from rnnedge_export.codegen.render._text import in_comment, in_documentation
from rnnedge_export.codegen.toolchain import system_compiler
from rnnedge_runtime import InputError, Model, load
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import named

PROGRAMS = Path(__file__).parent / "languages"
LANGUAGES = {"cpp": "g++", "rust": "rustc", "go": "go"}
NUMBERS = {"float32": "f32", "int64": "i64"}


class Reader(nn.Module):
    """Tokens, which name rows of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 4)
        self.layer = nn.GRU(4, 3, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time) to (batch, time, 3)."""
        return self.layer(self.table(x))[0]


class Cases(nn.Module):
    """Inputs whose names differ in their case alone, and are macros."""

    def forward(self, x: torch.Tensor, X: torch.Tensor, linux: torch.Tensor) -> torch.Tensor:  # noqa: N803
        """(batch, time, 2), three times, to the same."""
        return torch.cumsum(x + 2 * X + 3 * linux, 1)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a file, its C compiled, and a stream in every language."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("sources")
    examples = {"padded": (Ahead(), torch.randn(1, 40, 1)), "reader": (Reader(), torch.randint(0, 9, (1, 12)))}
    examples["cases"] = (Cases(), tuple(torch.randn(1, 12, 2) for _ in range(3)))
    for name, (module, example) in examples.items():
        quickly.export(module.eval(), example, folder / f"{name}.onnx", form="step")
    (folder / "conditioned.onnx").write_bytes(conditioned.file())
    for file in folder.glob("*.onnx"):
        place = folder / file.stem
        build(file.read_bytes(), "c", place, name="net", bindings=tuple(LANGUAGES))
        file.rename(place / "net.onnx")
        system_compiler().compile(["-std=gnu99", "-O1", "-c"], [place / "net.c"], place / "net.o")
    return {place.name: place for place in folder.iterdir()}


@pytest.mark.parametrize("language", ["cpp", "rust", pytest.param("go", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", ["padded", "reader"])
def test_a_stream_gives_what_python_gives(name: str, language: str, sources: dict[str, Path], tmp_path: Path) -> None:
    """Before a reset and after it; calls with a NaN, or a number without a row, are refused and change nothing."""
    model = load(sources[name] / "net.onnx")
    frames, unit = _frames(model, 12), model.contract.unit
    odd = (99, -1) if name == "reader" else (np.nan, np.inf)
    bad = [np.full_like(frames[:unit], number) for number in odd]
    given = np.concatenate([frames[: 5 * unit], *bad, frames[5 * unit :]])
    (tmp_path / "in.bin").write_bytes(given.astype(frames.dtype).tobytes())
    said = _run(language, sources[name], tmp_path, model)
    found = np.frombuffer((tmp_path / "out.bin").read_bytes(), np.float32).reshape(2, -1)
    expected = named(model.contract, model.stream().push(frames))["y"].ravel()
    for actual in found:
        np.testing.assert_allclose(actual, expected, atol=1e-5)
    lines = said.splitlines()
    assert len(lines) == 2 * len(bad) and all(re.match("net: (x: )?a (number that|NaN or)", line) for line in lines)
    assert name == "reader" or model.contract.cursors


@pytest.mark.parametrize("language", ["cpp"])
def test_values_per_sequence_are_set(language: str, sources: dict[str, Path], tmp_path: Path) -> None:
    """By a function of their own, which refuses what the runtime refuses, and leaves what was set."""
    model = load(sources["conditioned"] / "net.onnx")
    frames = _frames(model, 12)
    (tmp_path / "in.bin").write_bytes(frames.tobytes())
    said = _run(language, sources["conditioned"], tmp_path, model, "conditioned")
    numbers = "net: language: a number that is not from 0 to 3"
    assert said.splitlines() == ["net: speaker: a NaN or an infinity", numbers, numbers]
    stream = model.stream(context={"speaker": np.float32([1, 2, 3]), "language": np.int64(2)})
    found = np.frombuffer((tmp_path / "out.bin").read_bytes(), np.float32).reshape(2, -1)
    for actual, expected in zip(found, [stream.push(frames)] * 2, strict=True):
        np.testing.assert_allclose(actual, named(model.contract, expected)["y"].ravel(), atol=1e-5)


def test_names_that_differ_in_their_case_alone_compile(sources: dict[str, Path]) -> None:
    """The sizes of the header are in capitals; the stream of Go begins fields with one."""
    folder = sources["cases"]
    header = (folder / "net.h").read_text()
    assert "NET_X_SIZE = 2" in header and "NET_X__SIZE = 2" in header and "float *linux_" in header
    assert "X [2]float32" in (folder / "net.go").read_text() and "X_ [2]float32" in (folder / "net.go").read_text()


LABELS = ("yes", "Stra\u00dfe \U0001f600", 'a"b\\c', "*/ ??/ // ${name} %s", "line\nend\0", "\\303")
PRINT = {
    "c": """#include "net.h"
        #include <stdio.h>
        static const char *const labels[NET_LABEL_COUNT] = NET_LABELS;
        int main(void) { for (int k = 0; k < NET_LABEL_COUNT; k++) printf("%s|", labels[k]); return 0; }""",
    "cpp": """#include "net.hpp"
        #include <cstdio>
        int main() { for (const char *label : rnnedge::net::labels) std::printf("%s|", label); }""",
    "rust": """fn main() { for label in net::LABELS { print!("{}|", label.split('\\0').next().unwrap()); } }""",
    "go": """package main
        import ("example.com/net"; "fmt"; "strings")
        func main() { for _, label := range net.Labels { fmt.Printf("%s|", strings.Split(label, "\\x00")[0]) } }""",
}


@pytest.mark.parametrize("language", ["c", "cpp", "rust", pytest.param("go", marks=pytest.mark.long)])
def test_labels_are_strings_of_the_language(language: str, labelled: Path, tmp_path: Path) -> None:
    """Whatever letters they have; a string of C ends at its first NUL."""
    if shutil.which({"c": "cc", **LANGUAGES}[language]) is None:
        pytest.skip(f"needs {language}")
    shutil.copytree(labelled, tmp_path, dirs_exist_ok=True)
    (tmp_path / f"main.{'rs' if language == 'rust' else language}").write_text(PRINT[language])
    of_c = [["cc", "-std=c99", "-trigraphs", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "program"]]
    for command in of_c if language == "c" else _commands(language, "main"):
        subprocess.run(command, cwd=tmp_path, check=True)
    said = subprocess.run(["./program"], cwd=tmp_path, stdout=subprocess.PIPE, check=True).stdout
    assert said.split(b"|")[:-1] == [label.split("\0")[0].encode() for label in LABELS]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with labels of all kinds, in every language."""
    place = tmp_path_factory.mktemp("labelled") / "net"
    file = place.with_suffix(".onnx")
    module = nn.GRU(2, len(LABELS), batch_first=True).eval()
    quickly.export(module, torch.zeros(1, 9, 2), file, form="step", labels=LABELS)
    build(file.read_bytes(), "c", place, name="net", bindings=tuple(LANGUAGES))
    system_compiler().compile(["-std=gnu99", "-O1", "-c"], [place / "net.c"], place / "net.o")
    return place


def test_a_file_without_labels_has_no_list_of_them(sources: dict[str, Path]) -> None:
    """Not even an empty one."""
    for ending in ("h", "hpp", "rs", "go"):
        assert "labels" not in (sources["reader"] / f"net.{ending}").read_text().lower()


@pytest.mark.parametrize("text", ["a\\", "a??/", "a *\\ ", "*/*/", "**//", "/*/", "\n", "\\\n", "`a`", "```"])
def test_text_stays_in_its_comment(text: str, tmp_path: Path) -> None:
    """A backslash draws no line into it, nothing ends it; in documentation it is code from end to end."""
    shown = in_comment(text)
    assert "*/" not in shown and "/*" not in shown and not re.search(r"(\\|\?\?/)\s*$", shown)
    documented = in_documentation(text)
    assert documented.count("`") == 2 and documented[0] == documented[-1] == "`"
    code = tmp_path / "a.c"
    code.write_text(f"// {shown}\n/* {shown} */\nint f(void) {{ return 0; }}\n")
    system_compiler().compile(["-std=c99", "-trigraphs", "-Werror", "-Wall", "-c"], [code], tmp_path / "a.o")


def test_fields_of_a_stream_are_not_taken_twice() -> None:
    """By words of the language, counts of frames, or the capital that Go begins them with."""
    names = dict.fromkeys(["y_frames", "y", "Y", "Self", "self", "yFrames"])
    found = _members({name: name for name in names}, {"Self", "self"})
    assert list(found.values()) == ["y_frames", "y_", "Y__", "Self_", "self__", "yFrames"]


def test_another_language_is_refused(sources: dict[str, Path], tmp_path: Path) -> None:
    """With the names of those that there are, and nothing is written."""
    data = (sources["reader"] / "net.onnx").read_bytes()
    with pytest.raises(InputError, match="bindings: expected some of cpp, rust, go, found 'perl'"):
        build(data, "c", tmp_path / "out", bindings=("perl",))
    assert not (tmp_path / "out").exists()


def _frames(model: Model, calls: int) -> Array:
    port, rng = model.contract.inputs[0], np.random.default_rng(1)
    shape = (calls * model.contract.unit, *(int(d) for d in port.frame_shape))
    frames = rng.standard_normal(shape) if port.dtype == "float32" else rng.integers(0, 9, shape)
    return frames.astype(port.dtype)


def _run(language: str, source: Path, folder: Path, model: Model, main: str = "main") -> str:
    """Compile a program over the stream in `folder`, run it, and return what it prints."""
    if shutil.which(LANGUAGES[language]) is None:
        pytest.skip(f"needs {LANGUAGES[language]}")
    shutil.copytree(source, folder, dirs_exist_ok=True)
    for program in PROGRAMS.glob("*"):
        shutil.copyfile(program, folder / program.name)
    port = model.contract.inputs[0]
    size = model.contract.unit * int(np.prod(port.frame_shape, dtype=int))
    (folder / "call.rs").write_text(f"const SIZE: usize = {size};\ntype Number = {NUMBERS[port.dtype]};\n")
    for command in _commands(language, main):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert not done.stderr, done.stderr
    return subprocess.run(["./program"], cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout


def _commands(language: str, main: str) -> list[list[str]]:
    """A wrapper that a compiler warns of fails, too."""
    if language == "cpp":
        return [["g++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", f"{main}.cpp", "net.o", "-o", "program"]]
    if language == "rust":
        rust = ["rustc", "--edition", "2021", "-C", "opt-level=0"]
        return [
            [*rust, "--crate-type", "rlib", "net.rs"],
            [*rust, f"{main}.rs", "--extern", "net=libnet.rlib", "-C", "link-arg=net.o", "-o", "program"],
        ]
    layout = f"mkdir net && mv net.go net.c net.h net && mkdir {main} && mv main.go {main}"
    modules = "go mod init example.com && go build -o program ./" + main
    return [["sh", "-c", f"{layout} && ({modules}) 2>&1"]]
