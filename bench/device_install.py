"""What an installation of the runtime brings and takes: packages, megabytes, seconds, and what an import takes.

Run it as `make bench-install`, which builds the wheel; packages come from the index that pip is set to, or its cache.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bench.pages import machine, publish, table

_EXTRAS = ("", "[cpu]", "[cpu,cli]")
_ROUNDS = 7
# Of a process of its own; of what an interpreter imports by itself nothing is counted.
_IMPORT = """
import sys
from time import process_time
begun = process_time()
import rnnedge
{more}
print(process_time() - begun)
"""
_ENGINES = {"": "", "[cpu]": "import onnxruntime", "[cpu,cli]": "import onnxruntime, rnnedge.cli"}


@dataclass(frozen=True)
class Installed:
    """An environment: without pip, in MB of 2^20 bytes, seconds of the command, milliseconds of the import."""

    packages: int
    size_mb: float
    seconds: float
    import_ms: float


def measure(wheel: Path, extra: str, folder: Path) -> Installed:
    """Install `wheel` with `extra` into an environment of its own in `folder`."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    before = _size(folder)
    constraints = Path(__file__).parents[1] / "constraints.txt"
    begun = perf_counter()
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", constraints]
    subprocess.run([*pip, f"{wheel}{extra}"], check=True)
    seconds = perf_counter() - begun
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True
    )
    names = {line.split("==")[0].lower() for line in listed.stdout.splitlines()} - {"pip", "setuptools", "wheel"}
    return Installed(len(names), (_size(folder) - before) / (1 << 20), seconds, _import_ms(python, extra))


def _import_ms(python: Path, extra: str) -> float:
    """The least of some fresh processes; the first one compiles."""
    code = _IMPORT.format(more=_ENGINES[extra])
    times = [subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout
             for _ in range(_ROUNDS)]  # fmt: skip
    return 1000 * min(map(float, times))


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def main() -> None:
    """Write the table of docs/install.md."""
    (wheel,) = (Path(__file__).parents[1] / "dist").glob("*.whl")
    with tempfile.TemporaryDirectory() as folder:
        found = {extra: measure(wheel, extra, Path(folder) / str(i)) for i, extra in enumerate(_EXTRAS)}
    rows = [
        (
            f"`rnnedge{extra}`",
            str(one.packages),
            f"{one.size_mb:.0f} MB",
            f"{one.seconds:.0f} s",
            f"{one.import_ms:.0f} ms",
        )
        for extra, one in found.items()
    ]
    heads = ("", "packages", "on disk", "installed in", "imported in")
    note = (
        "By `make bench-install`; pip is not counted, packages are in its cache. The import is rnnedge, the "
        f"engine, and with `cli` the command line: {machine('processor', 'python', 'onnxruntime')}."
    )
    publish("install.md", table(heads, rows), note)


if __name__ == "__main__":
    main()
