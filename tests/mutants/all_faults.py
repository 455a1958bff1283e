"""Every fault: importing this registers them, and the networks that they are shown by."""

import access_faults  # noqa: F401
import attribute_faults  # noqa: F401
import binding_faults  # noqa: F401
import branch_faults  # noqa: F401
import capture_faults  # noqa: F401
import codegen_faults  # noqa: F401
import complex_faults  # noqa: F401
import context_faults  # noqa: F401
import contract_faults  # noqa: F401
import corner_faults  # noqa: F401
import form_faults  # noqa: F401
import formula_faults  # noqa: F401
import grid_faults  # noqa: F401
import kernel_faults  # noqa: F401
import lane_faults  # noqa: F401
import length_faults  # noqa: F401
import loop_faults  # noqa: F401
import machine_faults  # noqa: F401
import name_faults  # noqa: F401
import number_faults  # noqa: F401
import package_faults  # noqa: F401
import power_faults  # noqa: F401
import precision_faults  # noqa: F401
import road_faults  # noqa: F401
import row_faults  # noqa: F401
import runtime_faults  # noqa: F401
import said_faults  # noqa: F401
import shorter_faults  # noqa: F401
import shown_complex
import shown_contexts
import shown_formulas
import shown_lengths
import shown_loops
import shown_more
import shown_numbers
import shown_packages
import shown_sizes
import shown_written
import size_faults  # noqa: F401
import sparse_faults  # noqa: F401
import streaming_faults  # noqa: F401
import web_faults  # noqa: F401
import written_faults  # noqa: F401
from injection import FAULTS
from shown_by import NETWORKS

for more in (
    shown_complex,
    shown_contexts,
    shown_formulas,
    shown_lengths,
    shown_loops,
    shown_more,
    shown_numbers,
    shown_packages,
    shown_sizes,
    shown_written,
):
    NETWORKS.update(more.NETWORKS)

__all__ = ["FAULTS"]
