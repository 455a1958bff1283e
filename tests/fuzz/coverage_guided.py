"""Feeds the targets of parsers.py what atheris finds, guided by coverage, each in a process of its own.

Usage: python tests/fuzz/coverage_guided.py SECONDS [TARGET...]. Exit code 1 where a target raised; the input that made
it do so lies in build/fuzz then. Needs the dependency group `fuzz`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rnnedge", "rnnedge_runtime", "csv", "json", "wave", "chunk"]):
    import csv  # noqa: F401 - instrumented before the package imports it
    import json  # noqa: F401 - as above
    import wave  # noqa: F401 - as above

    import parsers

_FOLDER = Path("build/fuzz")


def run(name: str, seconds: int) -> subprocess.Popen[str]:
    """Start one target on its seeds and what earlier runs found."""
    corpus = _FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(parsers.TARGETS[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=8192", "-verbosity=0"]
    options = [*limits, f"-artifact_prefix={corpus}-failed-", "-print_final_stats=1", str(corpus)]
    command = [sys.executable, __file__, "--target", name, *options]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE)


def main() -> int:
    """Run every target for so long, two at a time; print the number of inputs each was fed."""
    seconds, names = int(sys.argv[1]), sys.argv[2:] or list(parsers.TARGETS)
    failed = 0
    for pair in (names[k : k + 2] for k in range(0, len(names), 2)):
        for name, process in [(name, run(name, seconds)) for name in pair]:
            words = process.communicate()[1]
            fed = next((line.split()[-1] for line in words.splitlines() if "number_of_executed_units" in line), "?")
            outcome = words if process.returncode else "a value or an RnnEdgeError for each"
            sys.stdout.write(f"{name}: {fed} inputs, {outcome}\n")
            failed |= bool(process.returncode)
    return failed


if __name__ == "__main__":
    if sys.argv[1] == "--target":
        feed = parsers.TARGETS[sys.argv[2]].feed
        atheris.Setup([sys.argv[0], *sys.argv[3:]], feed)
        atheris.Fuzz()
    sys.exit(main())
