"""The audio front end: a network layer from samples to log-mel energies, and its statistics from recordings."""

from rnnedge.audio._log_mel import LogMel, LogMelFrames

__all__ = ["LogMel", "LogMelFrames"]
