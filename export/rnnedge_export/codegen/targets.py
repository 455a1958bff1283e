"""What C can be compiled for: the compiler's flags, how many floats a vector has, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches

from rnnedge_runtime.errors import InputError

# Sums keep their order: rounding by an addition, and tests for NaN, depend on it. Products may be fused with sums.
_FLAGS = ("-std=gnu99", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-ffp-contract=fast")
_SHARED = ("-shared", "-fPIC", "-fvisibility=hidden", "-DRNNEDGE_LIBRARY")
_WASM = ("-nostdlib", "-Wl,--no-entry", "-Wl,--export=__heap_base")
_WASM_VECTORS = "-mcpu=generic+simd128+bulk_memory"
# A library whose functions JavaScript finds as the runtime for Python does.
_WEB = (*_WASM, "-DRNNEDGE_LIBRARY", "-Wl,--export=rnnedge_library_v1", "-Wl,--export-table")
# A page with the network in it, see `_site`.
WEB = "web"
_WIDEST = 16
_WASM32 = "wasm32-freestanding"
# The level of x86-64 that differs from the one before for narrow weights only.
VNNI = "x86_64_vnni"


@dataclass(frozen=True)
class Target:
    """One kind of device.

    `triple` is zig's name for it, None where the system's own compiler is used; `lanes` the floats of a vector;
    `suffix` that of what is made, "" where only sources are. `levels` are the targets of a library that picks one of
    them by the processor when it is loaded.
    """

    name: str
    triple: str | None
    lanes: int
    suffix: str
    flags: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    @property
    def all_flags(self) -> tuple[str, ...]:
        """Those of every target, and its own."""
        return (*_FLAGS, *self.flags)


def _linux(name: str, triple: str, lanes: int, *flags: str, levels: tuple[str, ...] = ()) -> Target:
    return Target(name, triple, lanes, ".so", (*_SHARED, "-nostdlib", *flags), levels)


def _microcontroller(name: str, cpu: str, *flags: str, triple: str = "thumb-freestanding-eabihf") -> Target:
    small = ("-O2", "-ffreestanding", "-DNO_VECTORS", "-ffunction-sections", "-c")
    return Target(name, triple, 4, ".o", (f"-mcpu={cpu}", *small, *flags))


_ALL = (
    Target("native", None, 0, ".so", (*_SHARED, "-march=native")),
    _linux("x86_64", "x86_64-linux-gnu", 4, levels=("x86_64_v2", "x86_64_v3", "x86_64_v4", VNNI)),
    _linux("x86_64_v2", "x86_64-linux-gnu", 4, "-mcpu=x86_64_v2"),
    _linux("x86_64_v3", "x86_64-linux-gnu", 8, "-mcpu=x86_64_v3"),
    _linux("x86_64_v4", "x86_64-linux-gnu", 16, "-mcpu=x86_64_v4", "-mprefer-vector-width=512"),
    _linux(VNNI, "x86_64-linux-gnu", 16, "-mcpu=x86_64_v4+avx512vnni", "-mprefer-vector-width=512"),
    _linux("aarch64-linux", "aarch64-linux-gnu", 4, "-mcpu=cortex_a53"),
    _linux("aarch64_dotprod-linux", "aarch64-linux-gnu", 4, "-mcpu=cortex_a55"),
    _linux("armv7-linux", "arm-linux-gnueabihf", 4, "-mcpu=cortex_a7"),
    _linux("riscv64-linux", "riscv64-linux-gnu", 4),
    Target("wasm32", _WASM32, 4, ".wasm", (_WASM_VECTORS, *_WASM)),
    Target(WEB, _WASM32, 4, ".wasm", (_WASM_VECTORS, *_WEB)),
    Target("x86_64-windows", "x86_64-windows-gnu", 8, ".dll", ("-shared", "-DRNNEDGE_LIBRARY", "-mcpu=x86_64_v3")),
    Target("aarch64-macos", "aarch64-macos", 4, ".dylib", (*_SHARED, "-mcpu=apple_m1")),
    _microcontroller("cortex-m4", "cortex_m4+vfp4d16sp"),
    _microcontroller("cortex-m7", "cortex_m7+fp_armv8d16sp", "-DFUSED"),
    _microcontroller("riscv32", "generic_rv32+m+a+f+c", triple="riscv32-freestanding-none"),
    Target("c", None, 4, ""),
)
# Of the same C as `WEB`, for browsers without vectors.
WEB_SCALAR = Target("web_scalar", _WASM32, 4, ".wasm", ("-mcpu=generic+bulk_memory", "-DNO_VECTORS", *_WEB))
TARGETS = {target.name: target for target in _ALL}


def target_of(name: str) -> Target:
    """The target of this name; raises `InputError` with the nearest one if there is none."""
    if name not in TARGETS:
        near = get_close_matches(name, TARGETS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(TARGETS)}"
        raise InputError(f"target {name!r}: unknown; {hint}")
    return TARGETS[name]


def with_lanes(target: Target, lanes: int) -> Target:
    """The target for a processor whose vectors have `lanes` floats."""
    # By itself a compiler makes shorter vectors of loops there.
    wide = ("-mprefer-vector-width=512",) if lanes == _WIDEST else ()
    return replace(target, lanes=lanes, flags=(*target.flags, *wide))
