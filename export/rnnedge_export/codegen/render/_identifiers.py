"""Names in C: of a network, and of its inputs and outputs, which in a graph may be called anything."""

from __future__ import annotations

import re
from collections.abc import Collection

from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_runtime.errors import InputError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Of C11 and C++20: the header is for both.
_KEYWORDS = frozenset(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class co_await
    co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
    double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable
    namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast
    requires restrict return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor
    xor_eq
    """.split()
)
# What the header itself says.
_TAKEN = frozenset(["stream", "NULL", "size_t", "int32_t", "int64_t", "uint8_t"])
# Macros that compilers and headers of the standard library bring along, which a program may include first.
_MACROS = frozenset(
    """
    linux unix i386 errno assert offsetof stdin stdout stderr EOF BUFSIZ RAND_MAX NDEBUG NAN INFINITY HUGE_VAL I complex
    imaginary noreturn bool M_E M_PI setjmp signbit isnan isinf isfinite va_start va_arg va_copy va_end alloca min max
    """.split()
)
# What a file calls things of its own, see `render`.
_OF_FILES = frozenset(
    """
    WEIGHTS CONSTANTS PACKED PACKED_WORDS INTEGERS LANES VECTORS library all_programs input_names output_names
    state_names input_bytes output_bytes state_bytes offsetof any_stream any_inputs any_outputs any_states any_weights
    """.split()
)


def check_name(name: str, code: str) -> None:
    """Raise `InputError` for what cannot name a network next to `code`, the C that all networks share."""
    if not _NAME.fullmatch(name):
        raise InputError(f"name: expected a C identifier, found {name!r}")
    if name in _KEYWORDS | _TAKEN | _OF_FILES | _of_file_scope(code):
        raise InputError(f"name: {name!r} is a word of C or of the code around the network; choose another (--name)")


def _of_file_scope(code: str) -> set[str]:
    """Words of C outside functions, and those that a macro replaces everywhere."""
    spoken = re.sub(r"/\*.*?\*/|\\\n", " ", code, flags=re.DOTALL)
    macros = set(re.findall(r"#define (\w+)", spoken))
    spoken = re.sub(r"^ *#.*$", "", spoken, flags=re.MULTILINE)
    constants = " ".join(re.findall(r"\benum \{([^}]*)\}", spoken))
    shorter = ""
    while shorter != spoken:
        spoken, shorter = re.sub(r"\{[^{}]*\}|\([^()]*\)", " ", spoken), spoken
    return macros | set(re.findall(r"\w+", f"{spoken} {constants}"))


def identifiers(program: StepProgram) -> dict[str, str]:
    """What inputs and outputs are called in C, by their names."""
    taken: set[str] = set()
    return {port.name: identifier(port.name, taken) for port in (*program.inputs, *program.outputs)}


def identifier(name: str, taken: set[str]) -> str:
    """A C identifier like `name`, of no other one in `taken`, to which it is added."""
    text = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    text = text if text[:1].isalpha() else f"p_{text}"
    return distinct(text, taken | _KEYWORDS | _TAKEN | _MACROS, taken)


def distinct(text: str, others: Collection[str], taken: set[str]) -> str:
    """`text`, with underscores until it is none of `others`; it is added to `taken`."""
    while text in others:
        text += "_"
    taken.add(text)
    return text
