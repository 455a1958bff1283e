"""A hundred things that a newcomer types, right and wrong: an exit code, and the words that help."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import Command
from in_one_test import in_one_test

from rnnedge.cli import execute
from rnnedge.cli._app import VERBS
from rnnedge.tasks.catalogue import TASKS

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
NETWORK = """
import torch
from torch import nn
def build(): return nn.GRU(6, 8, batch_first=True), torch.randn(1, 20, 6)
class Channels(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(6, 4, 3)
    def forward(self, x):
        if x.shape[1] != 6: raise ValueError("channels")
        return self.conv(nn.functional.pad(x, (2, 0)))
class Odd(nn.Module):
    def forward(self, x): return x.reshape(1, -1, 7, 13)
class Sized(nn.Module):
    def __init__(self, hidden): super().__init__()
class Batch(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 8)
    def forward(self, batch):
        x, y = batch
        return self.gru(x)[0]
def time_first(): return nn.GRU(6, 8), torch.zeros(1, 20, 6)
def double(): return nn.GRU(6, 8, batch_first=True).double(), torch.zeros(1, 20, 6).double()
def inner(): return {"model": nn.GRU(6, 8)}
"""
RIGHT = [
    "--version", "-h", "train --list", "train --list --json", "train speech --show-recipe",
    "train speech --show-recipe --json", "inspect net.onnx", "inspect net.onnx --json", "verify net.onnx",
    "run net.onnx x.npy", "run net.onnx x.npy --json", "run net.onnx x.npy --logits",
    "run net.onnx x.npy --provider auto", "run net.onnx x.json", "run net.onnx x.npy --full block",
    "doctor", "new my-detector", "run net.onnx x.csv --format jsonl", "-V", "run --help",
]  # fmt: skip
WRONG = {
    "trian speech": (2, "Did you mean 'train'"),
    "train spech -o run": (2, "did you mean speech"),
    "train": (2, "expected one of speech"),
    "train speech": (2, "expected a folder for the run"),
    "train nothing.toml -o run": (2, "or a TOML file"),
    "export first": (2, "Missing option '-o' / '--output': the ONNX file to write."),
    "export firstforty:build o.onnx": (2, "did you mean -o o.onnx."),
    "score net.onnx x.npy": (2, "Missing option '-o'"),
    "compile net.onnx": (2, "the folder to write to"),
    "export firstforty -o o.onnx": (3, "did you mean firstforty:build"),
    "export firstforty.py -o o.onnx": (3, "did you mean firstforty:build"),
    "export firstforty:bulid -o o.onnx": (3, "did you mean build"),
    "export firstforty:build -o o.onnx --form unroled": (2, "did you mean unrolled"),
    "export firstforty:build -o o.onnx --precision fp16": (2, "did you mean float16"),
    "export firstforty:build -o o.onnx --opset 5": (2, "expected 18 to 22, found 5"),
    "export firstforty:build -o o.onnx --chunk 4": (2, "only the unrolled form has a fixed chunk"),
    "export firstforty:Channels -o o.onnx": (3, "give --example 1,6,8 --time-axis 2"),
    "export firstforty:Odd -o o.onnx": (3, "give its shape with --example batch,time,features"),
    "export firstforty:build -o o.onnx --example 40": (6, "expected sizes as batch,time,features"),
    "compile net.onnx -o out --target arm64": (2, "did you mean aarch64-linux"),
    "run net.onnx": (2, "Missing argument 'INPUT'"),
    "run net.onnx nothing.wav": (6, "no such file"),
    "run nothing.onnx x.npy": (3, "cannot be read"),
    "run net.onnx x.npy --provider gpu": (2, "did you mean cuda"),
    "run net.onnx x.npy --non-finite drop": (2, "expected one of reject, hold, zero, reset"),
    "run net.onnx x.npy --format xml": (2, "expected one of csv, jsonl"),
    "run net.onnx x.npy --raw s17le": (2, "expected one of u8, s16le"),
    "bench net.onnx --fail-on p99": (2, "expected such as p99<2ms"),
    "inspect x.npy": (3, "made with 'rnnedge export', found a recording"),
    "verify net.onnx --against nothing:x": (3, "cannot import 'nothing'"),
    "new .": (6, "expected a new or an empty folder"),
    # Verbs of other tools.
    "help run": (2, "Did you mean 'rnnedge run --help'"),
    "help": (2, "Did you mean 'rnnedge --help'"),
    "-v": (2, "Did you mean --version"),
    "version": (2, "Did you mean 'rnnedge --version'"),
    "Run net.onnx x.npy": (2, "Did you mean 'rnnedge run'"),
    "predict net.onnx x.npy": (2, "Did you mean 'rnnedge run'"),
    "convert firstforty:build": (2, "Did you mean 'rnnedge export'"),
    "quantize net.onnx": (2, "Did you mean 'rnnedge export'"),
    "test net.onnx": (2, "Did you mean 'rnnedge verify'"),
    "init detector": (2, "Did you mean 'rnnedge new'"),
    "list": (2, "Did you mean 'rnnedge train --list'"),
    # Options of other tools.
    "export firstforty:build -o o.onnx --ckpt w.pt": (2, "No such option: --ckpt. Did you mean --weights?"),
    "export firstforty:build -o o.onnx --quantize=int8": (2, "Did you mean --precision?"),
    "export firstforty:build -o o.onnx --opset_version 18": (2, "Did you mean --opset?"),
    "train speech -o run --lr 1e-3": (2, "Did you mean --set training.learning_rate?"),
    "bench net.onnx --device cpu": (2, "Did you mean --provider?"),
    "run net.onnx x.npy --threshold 0.5": (2, "Did you mean --events?"),
    "verify net.onnx --reference firstforty:build": (2, "Did you mean --against?"),
    "inspect net.onnx -v": (2, "Did you mean --debug?"),
    "serve net.onnx -p 80": (2, "Did you mean --port?"),
    "export firstforty:build -o o.onnx --dynamic_axes 1": (2, "any number of frames and of sequences"),
    "export firstforty:build -o o.onnx --target esp32": (2, "rnnedge compile NET.onnx"),
    "export firstforty:build -o o.onnx --verify": (2, "proven before it is written"),
    "bench net.onnx --warmup=10": (2, "Where the warm-up ends is found"),
    "run net.onnx x.npy -o y.csv -f": (2, "A file that is there is replaced"),
    # What is no model.
    "run net x.npy": (3, "did you mean net.onnx"),
    "run nett.onnx x.npy": (3, "did you mean net.onnx"),
    "run x.npy net.onnx": (3, "found a recording; the model comes first"),
    "run firstforty:build x.npy": (3, "export it first: rnnedge export firstforty:build"),
    "bench firstforty:build": (3, "export it first"),
    "compile firstforty.py -o out": (3, "export it first"),
    "inspect runs": (3, "export it first: rnnedge export runs"),
    "export weights.pt -o o.onnx": (3, "package.module:factory --weights weights.pt"),
    "export net.ckpt -o o.onnx": (3, "package.module:factory --weights net.ckpt"),
    "export net.keras -o o.onnx": (3, "python -m tf2onnx.convert --keras net.keras"),
    "export net.tflite -o o.onnx": (3, "--tflite net.tflite"),
    "export net.pkl -o o.onnx": (3, "a pickle is code and is not run"),
    "export . -o o.onnx": (3, "found no config.json in it"),
    "export none.onnx -o o.onnx": (3, "check the path"),
    "export /none/net.py:build -o o.onnx": (3, "no such file"),
    "export calendar.py:build -o o.onnx": (3, "rename the file"),
    "export firstforty:Sized -o o.onnx": (3, "needs the argument hidden; write a function without arguments"),
    "export firstforty:Batch -o o.onnx": (3, "the first fails with ValueError: not enough values to unpack"),
    "export firstforty:time_first -o o.onnx": (3, "make it with batch_first=True"),
    "export firstforty:double -o o.onnx": (3, "give module.float() and x.float()"),
    "export firstforty:inner -o o.onnx": (3, "found dict"),
    "export firstforty:build -o o.onnx --frame-rate 0": (2, "expected a number above 0"),
    "export firstforty:build -o o.onnx --form Native": (2, "did you mean native"),
    "verify net.onnx --against firstforty:build": (3, "its forward fails on an input of shape"),
    # Values of options.
    "compile net.onnx -o out --target raspberrypi": (2, "did you mean aarch64-linux"),
    "compile net.onnx -o out --target android": (2, "did you mean c?"),
    "compile net.onnx -o out --name 7x": (2, "did you mean _7x"),
    "run net.onnx x.npy --provider CPU": (2, "did you mean cpu"),
    "run net.onnx x.npy --provider CPUExecutionProvider": (2, "did you mean cpu"),
    "run net.onnx x.npy -o y.parquet": (2, "expected .csv, .jsonl, .npy or .wav"),
    "run net.onnx x.npy --events 0.8": (2, "did you mean on=0.8"),
    "run net.onnx x.npy --events speach:on=1": (2, "did you mean speech"),
    "run net.onnx x.csv --decimal comma": (2, "found 'comma'; did you mean ,?"),
    "run net.onnx x.npy --full drop": (2, "did you mean drop-oldest"),
    "score net.onnx x.npy -o s.csv --reduce avg": (2, "expected one of mean"),
    "serve net.onnx --full drop": (2, "did you mean drop-oldest"),
    "train speech -o run --cell GRU": (2, "did you mean gru"),
    "train speech -o run --set training.epochs=three": (6, "training.epochs"),
    "train none.toml -o run": (2, "found no file 'none.toml'"),
    "train x.csv -o run": (2, "rnnedge new NAME writes a recipe"),
    # Recordings of other kinds.
    "run net.onnx x.mp3": (6, "x.mp3: not sound that can be read"),
    "run net.onnx x.m4a": (6, "ffmpeg -i IN.m4a OUT.wav"),
    "run net.onnx .": (6, "rnnedge score for all of them"),
    "run net.onnx *.csv": (6, "rnnedge score for all that match"),
    "run net.onnx mic": (6, "did you mean mic:"),
    "run net.onnx https://example.org/x.wav": (6, "expected a path, - or one of mic:"),
    "score net.onnx . -o s.csv": (6, "found a folder"),
    "score net.onnx none*.wav -o s.csv": (6, "expected recordings, found none"),
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a network, a file and frames, and a terminal that is wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COLUMNS", "250")
    Path("firstforty.py").write_text(NETWORK)
    Path("net.onnx").write_bytes(GOLDEN.read_bytes())
    from rnnedge_runtime import load

    frames = np.ones((3, *map(int, load(GOLDEN, trust="local").contract.inputs[0].frame_shape)), np.float32)
    np.save("x.npy", frames)
    np.savetxt("x.csv", frames.reshape(3, -1), delimiter=",")
    Path("x.json").write_text(json.dumps(frames.tolist()))
    Path("x.mp3").touch()
    Path("x.m4a").touch()
    Path("calendar.py").write_text("def build(): ...")
    Path("runs").mkdir()
    Path("runs", "config.json").touch()


@in_one_test("line", RIGHT)
def test_what_is_right_ends_with_0(line: str, rnnedge: Command) -> None:
    """And writes to standard output; with --json, that is JSON."""
    try:
        done = rnnedge(*line.split())
        code, out = done.code, done.out
    # What prints a help text ends the process.
    except SystemExit as ended:
        code, out = int(ended.code or 0), "help"
    assert code == 0 and out
    if "--json" in line:
        assert out.startswith("{")


@in_one_test("line", list(WRONG))
def test_what_is_wrong_is_answered_with_what_to_do(line: str, rnnedge: Command) -> None:
    """The exit code says which kind of mistake; no traceback."""
    code, words = WRONG[line]
    done = rnnedge(*line.split())
    told = " ".join(re.sub(r"[│╭╰─╮╯]", " ", done.err).split())
    assert done.code == code and words in told and "Traceback" not in told, done.err


def test_every_verb_has_json() -> None:
    """And the list of what is typed does not shrink."""
    assert len(RIGHT) + len(WRONG) >= 100
    for verb in VERBS:
        assert "json" in verb.command.__annotations__, verb.__name__


@in_one_test(
    ("words", "offered"),
    [
        ("export net:build --form ", {"native", "scan", "unrolled", "step"}),
        ("compile net.onnx --target aarch64", {"aarch64-linux"}),
        ("run net.onnx x.npy --provider na", {"native"}),
        ("train sp", {"speech"}),
        ("export net:build --precision in", {"int8", "int4"}),
    ],
)
def test_the_shell_completes_values(
    words: str, offered: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forms, targets, providers, tasks and precisions."""
    for name, value in _asked(words).items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        execute([])
    assert offered <= set(capsys.readouterr().out.split())


def _asked(words: str) -> dict[str, str]:
    """What the shell says when somebody has typed `rnnedge WORDS` and presses the tabulator."""
    line = f"rnnedge {words}"
    count = len(line.split(" ")) - 1
    return {"_RNNEDGE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(count)}


def test_a_shell_asks_in_a_process_of_its_own() -> None:
    """The entry point answers it before anything else, and without what takes seconds to import."""
    heavy = "{'torch', 'onnx', 'onnxruntime'} & set(sys.modules)"
    code = f"import atexit, sys; atexit.register(lambda: print({heavy})); from rnnedge.cli import main; main()"
    for words, offered in {"compile net.onnx --target riscv64": ["riscv64-linux"], "train ": sorted(TASKS)}.items():
        environment = {**os.environ, **_asked(words)}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        *found, loaded = done.stdout.splitlines()
        assert [one for one in found if not one.endswith(".toml")] == offered, done
        assert loaded == "set()", words
