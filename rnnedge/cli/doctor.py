"""Say what is installed here, what is missing and the command that brings it; for a first look, and for bug reports.

Versions, engines, what the processor can do, compilers, the folders for caches and state, and a self-test: a small file
is streamed and compared with its recording. Takes about two seconds; installs and sends nothing.

**Examples:**  `rnnedge doctor`  ·  `rnnedge doctor --json > doctor.json`
"""

from __future__ import annotations

from dataclasses import asdict

from rnnedge.cli._output import JsonOption


def command(json: JsonOption = False) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._extras import EXTRAS
    from rnnedge.cli._output import print_json, print_table, tell
    from rnnedge.doctor import examine
    from rnnedge_runtime.errors import VerificationError

    found = list(examine(EXTRAS))
    missing = [one for one in found if not one.ok]
    if json:
        print_json("doctor", {"findings": [asdict(one) for one in found]})
    else:
        rows = [(one.kind, one.name, one.found, "ok" if one.ok else "-") for one in found]
        print_table("rnnedge doctor", ("", "", "found", ""), rows)
        for remedy in dict.fromkeys(one.remedy for one in missing):
            names = ", ".join(one.name for one in missing if one.remedy == remedy)
            tell(f"for {names}: {remedy}")
    failed = next((one for one in missing if one.kind == "self-test" and "pip" not in one.remedy), None)
    if failed is not None:
        raise VerificationError(f"doctor: {failed.name}: {failed.found}; {failed.remedy}")
