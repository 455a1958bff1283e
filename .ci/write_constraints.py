"""Print constraints.txt for the environment this runs in: one exact version per installed distribution.

Run by `make constraints` in a fresh environment. Build labels are dropped (torch 2.13.0+cpu satisfies torch==2.13.0,
and only the plain version is on every index); a distribution that does not support the oldest Python is pinned from
the first one that it does support.
"""

from __future__ import annotations

from importlib.metadata import Distribution, distributions

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
HEADER = """\
# The exact versions that the tests pass with. Written by 'make constraints', never by hand.
# Used as 'pip install -c constraints.txt ...': it pins what is installed and installs nothing by itself.
"""


def pin(distribution: Distribution) -> str:
    """One line of constraints.txt."""
    name = canonicalize_name(distribution.metadata["Name"])
    line = f"{name}=={Version(distribution.version).public}"
    supported = SpecifierSet(distribution.metadata["Requires-Python"] or "")
    # ".99" stands for the newest patch release: ">=3.10.2" still supports 3.10.
    first = next(python for python in PYTHONS if supported.contains(f"{python}.99"))
    return line if first == PYTHONS[0] else f'{line}; python_version >= "{first}"'


def main() -> None:
    """Write the header and the sorted pins, without this project."""
    pins = {pin(distribution) for distribution in distributions() if distribution.metadata["Name"] != "rnnedge"}
    print(HEADER + "\n".join(sorted(pins)))


if __name__ == "__main__":
    main()
