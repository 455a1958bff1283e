"""Load the file named on the command line and print what came of it, the seconds and the most memory in MiB."""

from __future__ import annotations

import os
import sys
from time import perf_counter

from peak_memory import peak_mib

from rnnedge_runtime import ModelRefused, load


def main() -> None:
    """One line of text, and the end of the process, whatever still runs in it."""
    start = perf_counter()
    try:
        load(sys.argv[1], trust=sys.argv[2])
        result = "accepted"
    except ModelRefused as error:
        result = f"refused: {error}"
    print(f"{perf_counter() - start:.2f} {peak_mib()} {result}", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
