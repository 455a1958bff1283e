"""What is installed here and what is missing, for a newcomer and for a bug report."""

from rnnedge.doctor._examine import Finding, examine

__all__ = ["Finding", "examine"]
