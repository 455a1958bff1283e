"""Recurrences that a module writes for training, as the recurrences that they are.

    y_t = a_t y_(t-1) + b_t

is written as a parallel scan (rounds of shift, multiply and add), as a product with a matrix of decays, as a
convolution by Fourier transform. What the code looks like is no sign of it; its numbers are. A capture at one length is
run on random inputs (`_samples.py`), and values are found among its nodes that satisfy a recurrence:

1. of the factors of a matrix over pairs of frames (`_products.py`, `_factors.py`);
2. of two tensors, element by element (`_affine.py`);
3. of the poles of a kernel (`_kernels.py`).

In the graph a loop over the frames takes its place (`_writing.py`), which is rolled as every other (`loops/`). A wrong
find does not become a file: the proof compares it with the module.
"""

from rnnedge_export.capture.scans._find import find_recurrences
from rnnedge_export.capture.scans._standalone import Standalone

__all__ = ["Standalone", "find_recurrences"]
