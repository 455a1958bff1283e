"""What happens inside a recurrent network while it reads a sequence, and which input mattered.

`explain_module` asks a torch module (extra `explain`); `explain_file` asks a file exported with taps, without torch.
`write_page`, `write_pictures` and `write_arrays` keep what was found.
"""

from rnnedge.explain.attribution import Attribution, Baseline
from rnnedge.explain.explain import explain_file, explain_module
from rnnedge.explain.explanation import Explanation, Findings
from rnnedge.explain.from_file import open_tapped
from rnnedge.explain.outputs import Target
from rnnedge.explain.recording import Layer, Recording
from rnnedge.explain.render import write_arrays, write_page, write_pictures

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
