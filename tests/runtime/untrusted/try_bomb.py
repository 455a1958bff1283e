"""Load the file named on the command line and print what came of it, the seconds of a processor, the most MiB."""

from __future__ import annotations

import os
import resource
import sys
from time import process_time

from peak_memory import peak_mib

from rnnedge_runtime import ModelRefused, load


def main() -> None:
    """One line of text, and the end of the process, whatever still runs in it."""
    start = process_time()
    try:
        load(sys.argv[1], trust=sys.argv[2])
        result = "accepted"
    except ModelRefused as error:
        result = f"refused: {error}"
    # The first opening has a process of its own.
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = process_time() - start + child.ru_utime + child.ru_stime
    print(f"{seconds:.2f} {max(peak_mib(), child.ru_maxrss >> 10)} {result}", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
