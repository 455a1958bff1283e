"""What an import loads, seen from a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from native_library import compile_library

from rnnedge_runtime import load

HEAVY = ("torch", "onnx", "onnx_ir", "onnxscript", "sktime", "matplotlib", "cryptography")


def loaded(statement: str) -> set[str]:
    """Top-level names of all modules in a new interpreter after `statement`."""
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    return set(done.stdout.split())


def test_importing_the_runtime_loads_neither_torch_nor_onnx_nor_typer():
    """The device side costs numpy and onnxruntime, even where everything else is installed."""
    assert loaded("import rnnedge_runtime") & {*HEAVY, "typer", "rnnedge", "rnnedge_export"} == set()


def test_loading_a_file_needs_no_more_than_it_has_to():
    """What is seldom used is imported where it is used."""
    golden = str(Path(__file__).parents[1] / "data" / "golden_gru.onnx")
    stream = f"import rnnedge_runtime as r; r.load({golden!r}, trust='local').stream()"
    assert loaded(stream) & {"pathlib", "urllib", "asyncio", "logging", "tempfile", "subprocess", "_hashlib"} == set()
    assert loaded("import rnnedge_runtime as r; r.replay, r.StateMonitor") >= {"rnnedge_runtime"}


def test_the_command_line_loads_nothing_before_a_verb_runs():
    """Help, completion and a mistake in an option are answered by what parses the line."""
    for words in ([], ["--version"], ["run", "--help"], ["run", "--thresold", "1"], ["trian"]):
        said = f"from rnnedge.cli import execute; import io; sys.stdout = sys.stderr = io.StringIO(); execute({words})"
        said += "; sys.stdout = sys.__stdout__"
        assert loaded(said) & {*HEAVY, "onnxruntime", "numpy", "rnnedge_runtime"} == set(), words


def test_importing_rnnedge_loads_neither_torch_nor_onnxruntime():
    """`import rnnedge` is cheap: what a function needs is imported when it is called."""
    assert loaded("import rnnedge") & {*HEAVY, "onnxruntime"} == set()


def test_a_library_in_the_cache_needs_neither_onnxruntime_nor_the_exporter_s_packages(tmp_path, monkeypatch):
    """Building and proving it needs them; afterwards a process starts with numpy alone, where all is installed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    golden = str(Path(__file__).parents[1] / "data" / "golden_gru.onnx")
    load(golden, trust="local", provider="native").stream()
    stream = f"import rnnedge_runtime as r; r.load({golden!r}, trust='local', provider='native').stream()"
    assert loaded(stream) & {*HEAVY, "onnxruntime"} == set()


def test_the_native_engine_runs_where_numpy_alone_is_installed(tmp_path, monkeypatch):
    """A library next to its file: loaded, strictly too, and replayed, with every other package blocked."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    golden = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
    (tmp_path / "net.onnx").write_bytes(golden.read_bytes())
    compile_library(golden.read_bytes(), tmp_path)
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({(*HEAVY, 'onnxruntime', 'typer')!r})); import rnnedge as r; "
        f"load = lambda trust: r.load({str(tmp_path / 'net.onnx')!r}, provider='native', trust=trust); "
        "assert all(r.replay(load(trust)).passed for trust in ('local', 'strict'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    # What only a search for a compiler or a build needs.
    stream = f"import rnnedge_runtime as r; r.load({str(tmp_path / 'net.onnx')!r}, provider='native').stream()"
    assert loaded(stream) & {"email", "shutil", "tempfile", "subprocess", "asyncio", "logging"} == set()
    other = code.replace("provider='native'", "provider='cpu'")
    blocked = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, timeout=120)
    assert "onnxruntime: not installed here" in blocked.stderr


def test_importing_the_exporter_loads_nothing_heavy():
    """Its parts do, when they are asked for."""
    assert loaded("import rnnedge_export, rnnedge_export.codegen") & {*HEAVY, "onnxruntime"} == set()
    assert loaded("import rnnedge_export; rnnedge_export.export") >= {"torch", "onnx"}


def test_a_heavy_import_is_seen():
    """The probe behind these tests reports torch where it is loaded, so the tests can fail."""
    assert "torch" in loaded("import rnnedge_runtime, torch")


def test_training_does_not_load_the_compiler_of_torch():
    """It takes as long as torch itself, and is for those who ask for it."""
    code = "import sys, rnnedge.recipes, rnnedge.nn; print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False"]
