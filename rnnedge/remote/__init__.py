"""Run a benchmark on another machine, over the system's ssh, and bring its report back."""

from rnnedge.remote._run import NEEDS, run_remote

__all__ = ["NEEDS", "run_remote"]
