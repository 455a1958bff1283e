"""Labels that an exported file was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnedge_export import Report


def tell_labels(report: Report) -> None:
    """Warn of labels that no output has a value for each of: they name nothing."""
    from rnnedge.cli._output import say

    contract = report.contract
    sizes = {port.name: port.frame_shape[-1] for port in contract.results if port.frame_shape}
    if not contract.labels or len(contract.labels) in sizes.values():
        return
    given = ", ".join(f"{size} in {name!r}" for name, size in sizes.items())
    say(f"warning: {len(contract.labels)} labels, but values of a frame are {given or 'none'}: labels are not shown")
