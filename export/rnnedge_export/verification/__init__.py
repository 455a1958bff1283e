"""Every proof that a file computes what its source computes: what is compared, how hard, how close, and the report."""

from rnnedge_export.effort import Effort
from rnnedge_export.verification.against_source import verify
from rnnedge_export.verification.checks import CHAINED_FRAMES_OF_ATTENTION
from rnnedge_export.verification.contexts import other_contexts
from rnnedge_export.verification.example_reading import check_reading
from rnnedge_export.verification.fewer_bits import check_fewer_bits
from rnnedge_export.verification.first_difference import FirstDifference
from rnnedge_export.verification.golden import golden_of
from rnnedge_export.verification.graph_check import check_graph
from rnnedge_export.verification.layer_names import check_layers
from rnnedge_export.verification.loud_frames import check_loud_frames
from rnnedge_export.verification.module_oracle import ModuleOracle
from rnnedge_export.verification.promises import Promises
from rnnedge_export.verification.proof import Look, check_against
from rnnedge_export.verification.repeats import check_repeats
from rnnedge_export.verification.report import Check, Verification, require, timed
from rnnedge_export.verification.samples import frames_in_words, proven_on
from rnnedge_export.verification.signals import signals
from rnnedge_export.verification.token_signals import every_token
from rnnedge_export.verification.tolerance import Tolerance

__all__ = [
    "CHAINED_FRAMES_OF_ATTENTION",
    "Check",
    "Effort",
    "FirstDifference",
    "Look",
    "ModuleOracle",
    "Promises",
    "Tolerance",
    "Verification",
    "check_against",
    "check_fewer_bits",
    "check_graph",
    "check_layers",
    "check_loud_frames",
    "check_reading",
    "check_repeats",
    "every_token",
    "frames_in_words",
    "golden_of",
    "other_contexts",
    "proven_on",
    "require",
    "signals",
    "timed",
    "verify",
]
