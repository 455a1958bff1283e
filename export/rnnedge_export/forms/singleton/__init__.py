"""Singleton sinking: a size-1 axis leaves the signature of a graph and everything that follows from it."""

from rnnedge_export.forms.singleton.sink import drop_singleton

__all__ = ["drop_singleton"]
