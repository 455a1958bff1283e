"""C text: lines of one statement with their indentation, comments, strings, templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from string import Template
from textwrap import wrap

# A space between what belongs together.
GLUE = "\N{NO-BREAK SPACE}"
_WIDTH = 120
_STEP = "  "
_MOST_NAMES = 8
_LONGEST_NAME = 80


class Code:
    """Lines of C: `line` is one statement, `block` what stands in braces. No line is folded at a `GLUE`."""

    def __init__(self, depth: int = 0) -> None:
        self._lines: list[str] = []
        self._depth = depth
        # How much text there is, without indentation.
        self.letters = 0

    def line(self, text: str) -> None:
        """One line; a long one goes on further in. It has no string in it."""
        lead = _STEP * self._depth
        for k, part in enumerate(wrap(text, _WIDTH - len(lead) - 4, break_long_words=False, break_on_hyphens=False)):
            self._append(part.replace(GLUE, " "), lead + 2 * _STEP if k else lead)

    @contextmanager
    def block(self, head: str = "") -> Iterator[None]:
        """Lines in braces after `head`."""
        self.line(f"{head} {{" if head else "{")
        self._depth += 1
        yield
        self._depth -= 1
        self.line("}")

    @contextmanager
    def loops(self, heads: Sequence[str], *, independent: bool = False) -> Iterator[None]:
        """Lines in loops, one in the other; `independent`: no turn of the innermost needs what another one writes."""
        if not heads:
            yield
            return
        for head in heads[:-1]:
            self.line(f"{head} {{")
            self._depth += 1
        if independent:
            self.line("INDEPENDENT")
        with self.block(heads[-1]):
            yield
        for _ in heads[:-1]:
            self._depth -= 1
            self.line("}")

    def raw(self, text: str) -> None:
        """Lines as they are, which nothing folds."""
        self._append(text.replace("\n", f"\n{_STEP * self._depth}"), _STEP * self._depth)

    def blank(self) -> None:
        """An empty line, except at the beginning of a block."""
        if self._lines and self._lines[-1] and not self._lines[-1].endswith("{"):
            self._lines.append("")

    def comment(self, text: str) -> None:
        """A comment; `text` may be anything."""
        self.line(f"/* {in_comment(text)} */")

    def _append(self, text: str, lead: str) -> None:
        self._lines.append(lead + text)
        self.letters += len(text)

    def text(self) -> str:
        """All lines."""
        return "".join(f"{line}\n" for line in self._lines)


def turns(variable: str, count: int, step: int = 1) -> str:
    """The head of a loop from 0 to `count`."""
    further = f"{variable}++" if step == 1 else f"{variable} += {step}"
    return f"for (int {variable} = 0; {variable} < {count}; {further})"


def in_comment(text: str) -> str:
    """Text that stays inside a comment, in ASCII on one line: who made the file chose it.

    A backslash at the end would draw the next line into a comment of C++, and so would the trigraph of one.
    """
    shown = text.encode("unicode_escape").decode().replace("*/", "* /").replace("/*", "/ *").replace("??/", "? ?/")
    return shown.rstrip("\\ ")


def in_documentation(text: str) -> str:
    """Likewise, of a comment that tools make pages or programs of: as code in Markdown, so no tag, link or example."""
    return f"`{in_comment(text).replace('`', chr(39))}`"


def of_nodes(origin: Sequence[str]) -> str:
    """The names of nodes for a comment, as many as a reader can bear."""
    shown = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in origin[:_MOST_NAMES]]
    more = len(origin) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def string(value: str) -> str:
    """A C string; other letters than ASCII by their UTF-8 bytes."""
    plain = value.isascii() and value.isprintable() and not set(value) & set('"\\?')
    return f'"{value}"' if plain else '"' + "".join(f"\\{byte:03o}" for byte in value.encode()) + '"'


def listed(values: Sequence[object], in_a_line: int = 10) -> str:
    """Values of an initializer on as many lines as they need."""
    lines = [", ".join(map(str, values[k : k + in_a_line])) for k in range(0, len(values), in_a_line)]
    return "\n" + ",\n".join(f"{_STEP}{line}" for line in lines) + "\n" if len(lines) > 1 else "".join(lines)


def part(name: str, folder: str = "c") -> str:
    """A file of a folder of templates."""
    return (files("rnnedge_export.codegen.render") / folder / name).read_text(encoding="utf-8")


def filled(template: str, /, **values: object) -> str:
    """A template of `c/` with its `${names}` replaced."""
    return Template(part(template)).substitute({key: str(value) for key, value in values.items()})
