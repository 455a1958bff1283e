"""From a PyTorch module to an offline ONNX graph."""

from rnnedge_export.capture._arguments import arguments_of
from rnnedge_export.capture._extras import is_read
from rnnedge_export.capture._one_step import as_sequences
from rnnedge_export.capture._read_example import checked_defaults, read_example, with_default
from rnnedge_export.capture._used_states import UsedStateWarning, tell_used
from rnnedge_export.capture.cache import CaptureCache, capture
from rnnedge_export.capture.capture import Captured
from rnnedge_export.capture.example import Example, Extra
from rnnedge_export.capture.example_kinds import check_axes, check_kind
from rnnedge_export.capture.frames_first import with_frames_first
from rnnedge_export.capture.full_lengths import with_lengths
from rnnedge_export.capture.integer_frames import integer_frames
from rnnedge_export.capture.kept_states import restarted
from rnnedge_export.capture.kept_values import changed_by, evaluation, left_as_it_was
from rnnedge_export.capture.module_adapter import ModuleAdapter, weights_digest
from rnnedge_export.capture.spread_arguments import as_arguments
from rnnedge_export.capture.torchscript import as_python
from rnnedge_export.capture.usable_module import check_usable

__all__ = [
    "CaptureCache",
    "Captured",
    "Example",
    "Extra",
    "ModuleAdapter",
    "UsedStateWarning",
    "arguments_of",
    "as_arguments",
    "as_python",
    "as_sequences",
    "capture",
    "changed_by",
    "check_axes",
    "check_kind",
    "check_usable",
    "checked_defaults",
    "evaluation",
    "integer_frames",
    "is_read",
    "left_as_it_was",
    "read_example",
    "restarted",
    "tell_used",
    "weights_digest",
    "with_default",
    "with_frames_first",
    "with_lengths",
]
