"""Each verb does its work, on stdout for people or as one JSON object."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest
import quickly
from command import Command
from in_one_test import in_one_test
from shares import one_in

import rnnedge as package
from rnnedge_runtime import load


@pytest.mark.parametrize("form", one_in(3, ["native", "scan", "unrolled", "step"]))
def test_export_writes_a_file_and_shows_its_proof(form: str, rnnedge: Command, tmp_path: Path) -> None:
    """Every check with its error and its tolerance; verify --against agrees."""
    target = tmp_path / "m.onnx"
    done = rnnedge("export", "factories:gru", "-o", target, "--form", form, "--frame-rate", 50, "--labels", "a,b,c,d")
    assert done.code == 0, done.err
    assert "took float32 (1, 8, 3)" in done.err
    assert "drift" in done.out and "tolerance" in done.out
    contract = load(target).contract
    assert (contract.form, contract.frame_rate_hz, contract.labels) == (form, 50.0, ("a", "b", "c", "d"))
    against = rnnedge("verify", target, "--against", "factories:gru", "--json")
    assert against.code == 0
    assert against.json["passed"] and against.json["max_error"] <= 1e-5


def test_export_explains_what_its_proof_cost(rnnedge: Command, tmp_path: Path) -> None:
    """The seconds of each check, and the share of all of them."""
    done = rnnedge("export", "factories:gru", "-o", tmp_path / "m.onnx", "--explain")
    assert "how the time axis flows" in done.out and "seconds" in done.out
    assert re.search(r"The checks took [\d.]+ s, \d+% of [\d.]+ s for the whole export\.", done.out)


def test_export_reports_as_json(rnnedge: Command, tmp_path: Path) -> None:
    """The schema is named and versioned; chunk is what was asked for."""
    target = tmp_path / "m.onnx"
    done = rnnedge("export", "factories:tagger", "-o", target, "--form", "unrolled", "--chunk", 6, "--json")
    assert (done.json["schema"], done.json["schema_version"]) == ("rnnedge.export", 1)
    assert done.json["size_bytes"] == target.stat().st_size
    assert load(target).contract.chunk == 6


def test_export_takes_weights_from_a_file(rnnedge: Command, tmp_path: Path) -> None:
    """The file computes what the module with those weights computes, and not what the factory made."""
    import torch

    module = torch.nn.GRU(3, 4, batch_first=True)
    torch.save(module.state_dict(), tmp_path / "w.pt")
    done = rnnedge("export", "factories:gru", "-o", tmp_path / "m.onnx", "--weights", tmp_path / "w.pt")
    assert done.code == 0, done.err
    x = torch.randn(1, 7, 3)
    with torch.no_grad():
        expected = module(x)[0][0].numpy()
    np.testing.assert_allclose(load(tmp_path / "m.onnx").run(x[0].numpy()), expected, atol=1e-5)
    other = rnnedge("verify", tmp_path / "m.onnx", "--against", "factories:gru", "--explain")
    assert other.code == 4 and "seconds" in other.out + other.err and "The checks took" in other.out + other.err
    assert rnnedge("verify", tmp_path / "m.onnx", "--explain").code == 2


def test_sign_and_verify_ask_for_a_key(rnnedge: Command, gru_file: Path, tmp_path: Path) -> None:
    """A new key signs; its public half verifies; an altered file is exit code 3 with and without a source."""
    target, key, public = tmp_path / "m.onnx", tmp_path / "key.pem", tmp_path / "key.pub.pem"
    target.write_bytes(gru_file.read_bytes())
    done = rnnedge("sign", target, "--key", key, "--new-key", "--json")
    assert done.code == 0, done.err
    assert done.json["schema"] == "rnnedge.sign" and done.json["public_key"] == str(public)
    assert rnnedge("verify", target, "--key", public).code == 0
    assert str(tmp_path / "m.onnx.sig") in rnnedge("sign", target, "--key", key).out
    assert rnnedge("sign", target, "--key", key, "--new-key").code == 6
    data = target.read_bytes()
    target.write_bytes(data[:-1] + (b"1" if data.endswith(b"0") else b"0"))
    for more in ((), ("--against", "factories:gru")):
        done = rnnedge("verify", target, "--key", public, *more)
        assert done.code == 3 and "key.pub.pem signed" in done.err


def test_trust_is_a_choice_of_the_command_line(rnnedge: Command, gru_file: Path, tmp_path: Path) -> None:
    """A file that only a friend may send is refused, taken with --trust local, and a mistyped word is named."""
    import onnx

    from rnnedge_runtime.checksum import seal

    proto = onnx.load(gru_file)
    del proto.metadata_props[-1]
    proto.graph.doc_string = "x"
    (tmp_path / "m.onnx").write_bytes(seal(proto.SerializeToString()))
    np.save(tmp_path / "x.npy", np.zeros((4, 3), np.float32))
    for verb, *more in (("verify",), ("inspect",), ("run", tmp_path / "x.npy"), ("bench", "--pushes", 10)):
        refused = rnnedge(verb, tmp_path / "m.onnx", *more)
        assert refused.code == 3 and "trust='local'" in refused.err
        assert rnnedge(verb, tmp_path / "m.onnx", *more, "--trust", "local").code == 0
    assert rnnedge("verify", gru_file, "--trust", "lax").code == 2


def test_a_file_is_proven_on_recordings_of_the_user(rnnedge: Command, tmp_path: Path) -> None:
    """`--sample` of export and verify, again for more; verify needs a source to compare with."""
    np.save(tmp_path / "a.npy", np.ones((9, 3), np.float32))
    (tmp_path / "b.csv").write_text("1,2,3\n" * 4)
    files, target = ("--sample", tmp_path / "a.npy", "--sample", tmp_path / "b.csv"), tmp_path / "m.onnx"
    made = rnnedge("export", "factories:gru", "-o", target, *files, "--input-size", 3, "--json").json
    assert "2 recordings, 13 frames" in {check["detail"] for check in made["checks"]}
    seen = rnnedge("verify", target, "--against", "factories:gru", *files, "--json").json
    assert "2 recordings, 13 frames" in {check["detail"] for check in seen["checks"]}
    assert rnnedge("verify", target, *files).code == 2


def test_recordings_of_the_user_may_have_decimal_commas(rnnedge: Command, tmp_path: Path) -> None:
    """Wherever a verb takes recordings, it is told as `run` is."""
    (tmp_path / "b.csv").write_text("1,5;2;3\n" * 4)
    files, target = ("--sample", tmp_path / "b.csv"), tmp_path / "m.onnx"
    done = rnnedge("export", "factories:gru", "-o", target, *files, "--input-size", 3)
    assert done.code == 6 and "--decimal ," in done.err
    made = rnnedge("export", "factories:gru", "-o", target, *files, "--decimal", ",", "--input-size", 3, "--json").json
    assert "1 recordings, 4 frames" in {check["detail"] for check in made["checks"]}
    seen = rnnedge("verify", target, "--against", "factories:gru", *files, "--decimal", ",", "--json").json
    assert "1 recordings, 4 frames" in {check["detail"] for check in seen["checks"]}


def test_verify_replays_the_golden_sample(rnnedge: Command, gru_file: Path) -> None:
    """Without a source, as on a device."""
    done = rnnedge("verify", gru_file)
    assert done.code == 0
    assert "16 frames" in done.out and "tolerance" in done.out
    assert rnnedge("verify", gru_file, "--json").json["passed"] is True


def test_inspect_shows_ports_and_states(rnnedge: Command, gru_file: Path) -> None:
    """Names, shapes and initial values, for people and as JSON."""
    text = rnnedge("inspect", gru_file).out
    for word in ("gru.onnx", "(time, batch, 3)", "native", "50", "a, b, c, d"):
        assert word in text
    fields = rnnedge("inspect", gru_file, "--json").json
    assert fields["schema"] == "rnnedge.inspect"
    assert len(fields["contract"]["states"]) == 1


@pytest.fixture
def frames() -> np.ndarray:
    """Nine frames of three features."""
    return np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)


def test_run_reads_csv_npy_and_jsonl_alike(
    rnnedge: Command, gru_file: Path, frames: np.ndarray, tmp_path: Path
) -> None:
    """The same predictions, equal to the model's own, whatever the file."""
    np.save(tmp_path / "x.npy", frames)
    lines = [",".join(map(repr, row.tolist())) for row in frames]
    (tmp_path / "x.csv").write_text("\n".join(["f0,f1,f2", *lines]) + "\n")
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps(row.tolist()) for row in frames))
    texts = {ending: rnnedge("run", gru_file, tmp_path / f"x.{ending}", "--values").out for ending in
             ("npy", "csv", "jsonl")}  # fmt: skip
    assert texts["npy"] == texts["csv"] == texts["jsonl"]
    header, *rows = texts["npy"].splitlines()
    assert header == "frame,time_s,label,score,a,b,c,d"
    found = np.array([row.split(",")[4:] for row in rows], float)
    expected = load(gru_file).run(frames)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    assert [row.split(",")[2] for row in rows] == ["abcd"[i] for i in expected.argmax(1)]
    assert rows[3].startswith("3,0.06,")


def test_run_reads_standard_input_line_by_line(
    rnnedge: Command, gru_file: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prediction is written before the next frame is asked for."""
    import sys

    written: list[int] = []

    import io

    class Sensor(io.TextIOBase):
        def __init__(self) -> None:
            self._rows = iter(frames)

        def readline(self, _size: int = -1) -> str:
            written.append(len(sys.stdout.getvalue().splitlines()))  # type: ignore[attr-defined]
            row = next(self._rows, None)
            return "" if row is None else ",".join(map(repr, row.tolist())) + "\n"

    monkeypatch.setattr(sys, "stdin", Sensor())
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert rnnedge("run", gru_file, "-", "--format", "jsonl").code == 0
    lines = sys.stdout.getvalue().splitlines()  # type: ignore[attr-defined]
    assert written == list(range(10))
    assert set(json.loads(lines[0])) == {"frame", "time_s", "label", "score"}


def test_run_reads_wav_samples_as_frames(rnnedge: Command, gru_file: Path, tmp_path: Path) -> None:
    """16-bit samples, three a frame, scaled to [-1, 1); what does not fill a frame is said."""
    samples = np.arange(-10, 11, dtype=np.int16) * 1000
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(150)
        file.writeframes(samples[:20].tobytes())
    with pytest.warns(UserWarning, match="last 2 samples"):
        done = rnnedge("run", gru_file, tmp_path / "x.wav", "--values")
    found = np.array([row.split(",")[4:] for row in done.out.splitlines()[1:]], float)
    expected = load(gru_file).run(samples[:18].reshape(6, 3).astype(np.float32) / 32768)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_adopt_and_run_a_file_that_takes_samples(rnnedge: Command, tmp_path: Path) -> None:
    """A frame of one sample each, a prediction every 512: its time is of its first sample; proven on a recording."""
    import silero_vad

    package = Path(silero_vad.__file__).parent / "data" / "silero_vad.onnx"
    target = tmp_path / "vad.onnx"
    options = ["--state", "state:stateN", "--constant", "sr=16000", "--chunk", "512", "--context", "64"]
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((np.sin(np.arange(1300)) * 9000).astype(np.int16).tobytes())
    options += ["--frame-rate", "16000", "--sample", str(tmp_path / "x.wav")]
    done = rnnedge("adopt", package, "-o", target, *options, "--json")
    assert done.code == 0 and json.loads(done.out)["passed"]
    assert "1 recordings, 1,300 frames" in {check["detail"] for check in json.loads(done.out)["checks"]}
    assert "1 recordings of 1,300 frames" in load(target).contract.provenance["proven_on"]
    rows = rnnedge("run", target, tmp_path / "x.wav").out.splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == ["0.0", "0.032", "0.064"]


def test_run_mends_what_it_is_told_to(rnnedge: Command, gru_file: Path, tmp_path: Path) -> None:
    """By the policy of --non-finite, and says so; a provider that is not here leaves its place to the next."""
    x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    held = x.copy()
    held[3], x[3, :] = held[2], np.nan
    np.save(tmp_path / "bad.npy", x)
    np.save(tmp_path / "held.npy", held)
    done = rnnedge("run", gru_file, tmp_path / "bad.npy", "--non-finite", "hold")
    assert done.code == 0 and done.err.startswith("frame 3: 1 frames had a NaN")
    assert done.out == rnnedge("run", gru_file, tmp_path / "held.npy").out
    with pytest.warns(RuntimeWarning, match="'cuda': not in this onnxruntime.*the next provider takes its place"):
        other = rnnedge("run", gru_file, tmp_path / "held.npy", "--provider", "cuda,cpu")
    assert other.code == 0 and other.out == done.out


def test_run_writes_a_summary_at_the_end(rnnedge: Command, tmp_path: Path) -> None:
    """A classifier of whole sequences gives one row."""
    from examples.networks import small as networks

    module, example = networks.build("classifier-gru")
    quickly.export(module, example, tmp_path / "m.onnx", labels=("a", "b", "c", "d"))
    np.save(tmp_path / "x.npy", np.ones((7, networks.FEATURES), np.float32))
    rnnedge("run", tmp_path / "m.onnx", tmp_path / "x.npy", "-o", tmp_path / "out.csv")
    header, row = (tmp_path / "out.csv").read_text().splitlines()
    assert header == "frame,label,score"
    assert row.startswith("end,")


def test_version_is_the_installed_one(rnnedge: Command) -> None:
    """`rnnedge --version`."""
    assert rnnedge("--version").out.strip() == f"rnnedge {package.__version__}"


@in_one_test("verb", ["train", "export", "verify", "inspect", "run", "bench", "demo"])
def test_help_shows_an_example(verb: str, rnnedge: Command) -> None:
    """Whoever asks for help sees a command line to copy."""
    done = rnnedge(verb, "--help")
    assert done.code == 0
    assert f"rnnedge {verb} " in done.out.replace("Usage: rnnedge", "")
