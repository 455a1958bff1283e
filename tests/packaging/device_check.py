"""What a device can do with the installed wheel; run by `make device` in an environment of `rnnedge[cpu]` only.

Usage: python -I device_check.py GOLDEN.onnx [--commands]. With --commands `rnnedge[cli]` is installed too. No pytest
here: the environment has nothing that a device has not.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

# What the command line brings along.
COMMAND_LINE = ("typer", "click", "rich", "pydantic", "pygments")
WORKSTATION_ONLY = ("torch", "onnx", "onnx_ir", "onnxscript", "safetensors", "sktime", "matplotlib", "jinja2")


def check(fact: str, holds: bool) -> None:
    """Print a fact that holds; end with exit code 1 at the first one that does not."""
    if not holds:
        sys.exit(f"device check FAILED: {fact}")
    print(f"ok  {fact}")


def rnnedge_command(*arguments: str) -> str:
    """Standard output of the installed `rnnedge` command, which has to succeed."""
    command = [str(Path(sys.executable).with_name("rnnedge")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    check(f"'rnnedge {' '.join(arguments[:1])}' exits 0 {done.stderr.strip()[-300:]}".rstrip(), done.returncode == 0)
    return done.stdout


def check_environment() -> None:
    """The wheel, not the working tree, is under test, and nothing of the workstation is here."""
    import rnnedge

    check("rnnedge comes from the installed wheel", Path(rnnedge.__file__).is_relative_to(sys.prefix))
    present = [name for name in WORKSTATION_ONLY if importlib.util.find_spec(name)]
    check(f"no package of the workstation is installed {present or ''}".rstrip(), not present)


def check_streaming(golden_file: str) -> None:
    """The golden sample, replayed in whole and frame by frame, gives what PyTorch gave."""
    import rnnedge
    import rnnedge_runtime

    model = rnnedge.load(golden_file)
    report = rnnedge_runtime.replay(model)
    check(
        f"{report.frames} golden frames, max error {report.max_error:.1e}, tolerance {report.tolerance:.1e}",
        report.passed and report.frames > 0,
    )


def check_without_commands() -> None:
    """The command line says what it needs; nothing of it is installed."""
    present = [name for name in COMMAND_LINE if importlib.util.find_spec(name)]
    check(f"no package of the command line is installed {present or ''}".rstrip(), not present)
    command = [str(Path(sys.executable).with_name("rnnedge")), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    check("'rnnedge' without its extra exits 2", done.returncode == 2)
    check("and names the extra", "pip install 'rnnedge[cli]'" in done.stderr and len(done.stderr.splitlines()) == 1)


def check_commands(golden_file: str) -> None:
    """verify, inspect and run work without the source module and without torch."""
    import numpy as np

    import rnnedge

    contract = rnnedge.load(golden_file).contract
    assert contract.golden is not None
    frames = contract.golden.inputs[contract.inputs[0].name]
    rnnedge_command("verify", golden_file)
    described = json.loads(rnnedge_command("inspect", golden_file, "--json"))
    check("the contract is readable as JSON", contract.form in json.dumps(described))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "frames.npy"
        np.save(source, frames)
        lines = rnnedge_command("run", golden_file, str(source)).splitlines()
    check(f"'rnnedge run' wrote a line per frame ({len(lines)} lines)", len(lines) >= len(frames))


def main() -> None:
    """Run every check on the file named on the command line."""
    golden_file, *more = sys.argv[1:]
    check(f"{golden_file} is there", Path(golden_file).is_file())
    check_environment()
    check_streaming(golden_file)
    if "--commands" in more:
        check_commands(golden_file)
    else:
        check_without_commands()


if __name__ == "__main__":
    main()
