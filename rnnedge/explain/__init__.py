"""What happens inside a recurrent network while it reads a sequence, and which input mattered.

`explain_module` asks a torch module (extra `explain`); `explain_file` asks a file exported with taps, without torch.
`write_page`, `write_pictures` and `write_arrays` keep what was found.
"""

from rnnedge.explain._attribution import Attribution, Baseline
from rnnedge.explain._explain import explain_file, explain_module
from rnnedge.explain._explanation import Explanation, Findings
from rnnedge.explain._from_file import open_tapped
from rnnedge.explain._outputs import Target
from rnnedge.explain._recording import Layer, Recording
from rnnedge.explain._render import write_arrays, write_page, write_pictures

__all__ = [
    "Attribution",
    "Baseline",
    "Explanation",
    "Findings",
    "Layer",
    "Recording",
    "Target",
    "explain_file",
    "explain_module",
    "open_tapped",
    "write_arrays",
    "write_page",
    "write_pictures",
]
