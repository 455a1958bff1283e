"""Code for every target."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import quickly
import torch
from exported import export_network
from torch import nn

from rnnedge_export.codegen import _source as source
from rnnedge_export.codegen import build
from rnnedge_export.codegen.prove import prove
from rnnedge_export.precision import Precision
from rnnedge_export.session import ExportOptions
from rnnedge_export.sources import of_module
from rnnedge_runtime import InputError, ProviderError, VerificationError, load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network in step form."""
    return export_network("lstm-1", "step", tmp_path_factory.mktemp("model")).path


@pytest.fixture(scope="module")
def narrow() -> dict[str, bytes]:
    """A layer in every precision that has code of its own."""
    torch.manual_seed(0)
    module, files = nn.LSTM(12, 40, batch_first=True).eval(), {}
    with of_module(module, torch.zeros(1, 8, 12), time_axis=1, say=lambda _: None) as session:
        for precision in ("bf16", "int8", "int4"):
            options = ExportOptions("step", Precision(precision))
            files[precision] = session.candidate(options, "net.onnx").stamped()
    return files


RUN = ["x86_64_v2", "x86_64_v3", "x86_64_v4", "x86_64_vnni", "aarch64-linux", "aarch64_dotprod-linux"]
RUN += ["armv7-linux", "riscv64-linux", "wasm32", "cortex-m4", "cortex-m7", "riscv32"]


@pytest.mark.long
@pytest.mark.parametrize("target", RUN)
def test_code_for_other_machines(target: str, model: Path, tmp_path: Path) -> None:
    """Gives what onnxruntime gives, emulated where it has to be."""
    pytest.importorskip("ziglang")
    proof = prove(model.read_bytes(), build(model.read_bytes(), target, tmp_path, name="net"))
    if proof is None:
        pytest.skip("nothing here runs this target")
    assert proof.max_error <= 1e-5


def test_an_object_for_a_microcontroller_is_proven_on_its_board(model: Path, tmp_path: Path) -> None:
    """The very object: one with another weight is refused. A step has a cost in instructions and stack."""
    pytest.importorskip("ziglang")
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("needs qemu-system-arm")
    data = model.read_bytes()
    built = build(data, "cortex-m4", tmp_path, name="net")
    proof = prove(data, built)
    assert proof is not None and proof.runner == "qemu-system-arm" and proof.max_error <= 1e-5
    weights = built.source.weight_bytes // 4
    assert proof.instructions is not None and 2 * weights < proof.instructions < 12 * weights
    assert proof.stack_bytes is not None and 64 < proof.stack_bytes < 4096
    assert built.artifact is not None
    content = bytearray(built.artifact.read_bytes())
    head = onnx.numpy_helper.to_array(max(onnx.load(model).graph.initializer, key=lambda one: len(one.raw_data)))
    place = content.find(head.ravel()[:1].tobytes())
    assert place > 0
    content[place : place + 4] = np.float32(9).tobytes()
    built.artifact.write_bytes(content)
    with pytest.raises(VerificationError, match="200 frames on qemu-system-arm"):
        prove(data, built)


@pytest.mark.parametrize("target", ["cortex-m4", pytest.param("cortex-m7", marks=pytest.mark.long)])
def test_products_of_a_microcontroller_have_rows_of_any_length(target: str, tmp_path: Path) -> None:
    """Numbers next to each other, which are added four at a time, and others: 1 to 9 features, taps, strides."""
    pytest.importorskip("ziglang")
    torch.manual_seed(0)
    for features, precision in ((1, "float32"), (2, "bf16"), (3, "float32"), (4, "bf16"), (5, "int8"), (9, "float32")):
        layers = [
            nn.Conv1d(features, 5, 3, stride=2, padding=1),
            nn.Conv1d(5, 6, 3, groups=1),
            nn.Conv1d(6, 6, 2, groups=6),
        ]
        path = tmp_path / f"{features}.onnx"
        options = {"form": "step", "precision": precision, "time_axis": 2}
        quickly.export(nn.Sequential(*layers).eval(), torch.randn(1, features, 24), path, **options)
        proof = prove(path.read_bytes(), build(path.read_bytes(), target, tmp_path / path.stem, name="net"))
        if proof is None:
            pytest.skip("nothing here runs this target")
        assert proof.max_error <= 1e-5, (features, precision)


class Counting(nn.Module):
    """The mean of all frames so far, and quotients and remainders of their number, which has 64 bits."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, 2) to the same."""
        count = torch.arange(1, x.shape[1] + 1)[:, None]
        mean = torch.cumsum(x, 1) / count.to(x.dtype)
        return mean + (count // 3).to(x.dtype) * 1e-3 + (count % 7).to(x.dtype).sqrt()


@pytest.mark.parametrize("target", ["cortex-m4", "riscv32", pytest.param("cortex-m7", marks=pytest.mark.long)])
def test_a_microcontroller_counts_with_64_bits(target: str, tmp_path: Path) -> None:
    """Its processor does not: the compiler calls a library, which the firmware of the proof has to have."""
    pytest.importorskip("ziglang")
    quickly.export(Counting().eval(), torch.randn(1, 24, 2), tmp_path / "net.onnx", form="step")
    data = (tmp_path / "net.onnx").read_bytes()
    proof = prove(data, build(data, target, tmp_path, name="net"))
    if proof is None:
        pytest.skip("nothing here runs this target")
    assert proof.max_error <= 1e-5


def test_a_network_larger_than_its_board_is_compiled_and_not_run(model: Path, tmp_path: Path) -> None:
    """No error of a linker: a board with more memory may have room."""
    pytest.importorskip("ziglang")
    data = model.read_bytes()
    built = build(data, "cortex-m4", tmp_path, name="net")
    program = built.source.programs[0]
    large = replace(program, memory=replace(program.memory, floats=1 << 20))
    assert prove(data, replace(built, source=replace(built.source, programs=(large,)))) is None


@pytest.mark.long
@pytest.mark.parametrize("precision", ["bf16", "int8", "int4"])
@pytest.mark.parametrize("target", RUN)
def test_narrow_weights_on_other_machines(
    target: str, precision: str, narrow: dict[str, bytes], tmp_path: Path
) -> None:
    """By the integer instructions of each, or without them."""
    pytest.importorskip("ziglang")
    proof = prove(narrow[precision], build(narrow[precision], target, tmp_path, name="net"))
    if proof is None:
        pytest.skip("nothing here runs this target")
    # Under an emulator steps go on from one another, and a state may round to the neighbouring level.
    assert proof.max_error <= (1e-5 if proof.runner == "this processor" or precision == "bf16" else 1e-2)


@pytest.mark.parametrize("target", ["x86_64_v3", "x86_64_vnni", "aarch64_dotprod-linux"])
def test_integer_instructions_need_no_headers_of_a_system(
    target: str, narrow: dict[str, bytes], tmp_path: Path
) -> None:
    """Libraries are built without those of a C library."""
    pytest.importorskip("ziglang")
    built = build(narrow["int8"], target, tmp_path, name="net", block=None)
    assert built.artifact is not None and built.artifact.stat().st_size > 1000
    if built.target.triple is not None and os.uname().machine in built.target.triple:
        # Raises where it gives something else.
        assert prove(narrow["int8"], built) is not None


@pytest.mark.long
def test_only_integer_products_have_a_level_for_vnni(narrow: dict[str, bytes], tmp_path: Path) -> None:
    """Another copy of the weights would gain nothing."""
    pytest.importorskip("ziglang")
    for precision, expected in (("bf16", False), ("int8", True)):
        built = build(narrow[precision], "x86_64", tmp_path / precision, name="net", block=None)
        assert built.artifact is not None
        assert (b"x86_64_vnni" in built.artifact.read_bytes()) == expected


@pytest.mark.long
@pytest.mark.parametrize("target", ["x86_64", "x86_64-windows", "aarch64-macos", "cortex-m4", "cortex-m7", "riscv32"])
def test_what_is_compiled_and_not_run(target: str, model: Path, tmp_path: Path) -> None:
    """An artifact is there."""
    pytest.importorskip("ziglang")
    built = build(model.read_bytes(), target, tmp_path, name="net")
    assert built.artifact is not None
    assert built.artifact.stat().st_size > 1000


@pytest.mark.long
def test_a_library_of_levels_runs_here(model: Path, tmp_path: Path) -> None:
    """The one that this processor can run is picked when it is loaded."""
    pytest.importorskip("ziglang")
    if os.uname().machine != "x86_64" or shutil.which("cc") is None:
        pytest.skip("needs x86-64")
    built = build(model.read_bytes(), "x86_64", tmp_path, name="net")
    options = {"native": {"library": str(built.artifact)}}
    frames = np.random.default_rng(0).standard_normal((40, load(model).stream().input.shape[-1])).astype(np.float32)
    native = load(model, provider="native", provider_options=options).stream().push(frames)
    np.testing.assert_allclose(native, load(model).stream().push(frames), atol=1e-5)


@pytest.mark.long
def test_levels_have_weights_of_their_own(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where weights are no part of the library: each level packs them for its vectors, and one of the files is read."""
    pytest.importorskip("ziglang")
    if os.uname().machine != "x86_64":
        pytest.skip("needs x86-64")
    monkeypatch.setattr(source, "_BLOB_BYTES", 1)
    built = build(model.read_bytes(), "x86_64", tmp_path, name="net")
    levels = {path.name for path in built.files if path.name.count(".") == 2}
    assert levels == {f"net.x86_64_v{level}.weights" for level in (2, 3, 4)}
    proof = prove(model.read_bytes(), built)
    assert proof is not None
    assert proof.max_error <= 1e-5
    for name in levels:
        (tmp_path / name).write_bytes(b"other")
    with pytest.raises(ProviderError, match=r"net\.x86_64_v\d\.weights: expected the weights"):
        prove(model.read_bytes(), built)


def test_a_block_is_several_sequences_or_none(model: Path, tmp_path: Path) -> None:
    """One is what the first program has; what is no count is told before a compiler is asked."""
    for k, (block, batches) in enumerate(((None, [1]), (1, [1]), (np.int64(3), [1, 3]))):
        built = build(model.read_bytes(), "native", tmp_path / str(k), block=block)
        assert [program.batch for program in built.source.programs] == batches
    for block in (0, -3, 2.5, "4", True):
        with pytest.raises(InputError, match="build: block: expected an integer, 1 or more, found"):
            build(model.read_bytes(), "native", tmp_path / "none", block=block)  # type: ignore[arg-type]
