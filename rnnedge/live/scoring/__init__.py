"""Many recordings through one model: in batches of like length, on every core, resumable."""

from rnnedge.live.scoring.archive import score_archive
from rnnedge.live.scoring.batch import run_batch
from rnnedge.live.scoring.options import ScoreOptions

__all__ = ["ScoreOptions", "run_batch", "score_archive"]
