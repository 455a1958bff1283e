"""The whole road: one command, on real speech."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Command

from rnnedge_runtime import load, replay


@pytest.mark.slow
def test_the_demo_trains_exports_proves_streams_and_reports(rnnedge: Command, tmp_path: Path) -> None:
    """At least 95 % on the test utterances, every streamed decision PyTorch's, four files, a page that stands alone."""
    # A quarter of the passes over the data is enough for that.
    done = rnnedge("demo", "-o", tmp_path / "demo", "--epochs", 25)
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert report["utterances"] == 370
    assert [form["form"] for form in report["forms"]] == ["native", "scan", "unrolled", "step"]
    for form in report["forms"]:
        assert form["accuracy"] == report["pytorch_accuracy"] >= 0.95
        assert form["agreeing"] == 370
        assert max(form["parity_error"], form["drift_error"]) <= 1e-5
        assert replay(load(form["path"])).passed
    names = [contender["name"] for contender in report["latency"]]
    assert {"rnnedge native", "session.run on torch.onnx export", "PyTorch eager"} <= set(names)
    assert "rnnedge step, native engine" in names
    page = (tmp_path / "demo" / "report.html").read_text()
    assert page.count("<svg") == 4
    assert "src=" not in page and "<script" not in page and "<link" not in page
    assert "370 of 370" in page
