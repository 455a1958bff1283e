"""A network written for one sequence, without a batch axis, becomes one for a batch.

`with_batch` walks the graph once. Every value that depends on the frames gets the batch as its first axis; each
operator has a rule that moves its own axes by one, and one without a rule is refused by its name.
"""

from rnnedge_export.onnx_files.batching._walk import with_batch

__all__ = ["with_batch"]
