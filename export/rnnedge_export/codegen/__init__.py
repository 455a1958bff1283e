"""The native engine's compiler: a streaming file in step form as C for any device."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnedge_export.codegen._build import Built, build, build_in, publish
    from rnnedge_export.codegen._library import build_library
    from rnnedge_export.codegen._source import Source, write_c
    from rnnedge_export.codegen.toolchain import identity

__all__ = ["Built", "Source", "build", "build_in", "build_library", "identity", "publish", "write_c"]

_HOMES = {"Source": "_source", "write_c": "_source", "build_library": "_library", "identity": "toolchain"}


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562): `identity` needs no onnx."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, '_build')}"), name)
