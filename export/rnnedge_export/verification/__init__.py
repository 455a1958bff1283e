"""Every proof that a file computes what its source computes: what is compared, how hard, how close, and the report."""

from rnnedge_export.verification.against_source import verify
from rnnedge_export.verification.checks import CHAINED_FRAMES_OF_ATTENTION, check_against
from rnnedge_export.verification.effort import Effort
from rnnedge_export.verification.golden import golden_of
from rnnedge_export.verification.module_oracle import ModuleOracle
from rnnedge_export.verification.report import Check, Verification, require
from rnnedge_export.verification.tolerance import Tolerance

__all__ = [
    "CHAINED_FRAMES_OF_ATTENTION",
    "Check",
    "Effort",
    "ModuleOracle",
    "Tolerance",
    "Verification",
    "check_against",
    "golden_of",
    "require",
    "verify",
]
