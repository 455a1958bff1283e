"""The native engine's compiler: a streaming file in step form as C for any device."""

from rnnedge_export.native import families
from rnnedge_export.native.build import Built, build, build_library, identity
from rnnedge_export.native.source import Source, write_c

__all__ = ["Built", "Source", "build", "build_library", "families", "identity", "write_c"]
