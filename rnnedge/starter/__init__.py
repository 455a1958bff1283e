"""A project to begin with: `rnnedge new` writes it."""

from rnnedge.starter._project import write_project

__all__ = ["write_project"]
