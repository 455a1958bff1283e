"""Addresses of sources and sinks: `scheme:rest?option=value`, or the path of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from rnnedge.files.numbers import number
from rnnedge_runtime.errors import InputError

# Two letters at least: `c:` is a disk of Windows.
_SCHEME = re.compile(r"([a-z][a-z0-9+-]+):", re.IGNORECASE)
_FILE = re.compile(r"^file:(//)?", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """`text` as it was given; `scheme` is "file" for a path, and "-" for a standard stream."""

    text: str
    scheme: str
    host: str
    port: int | None
    path: str
    user: str
    password: str
    options: Mapping[str, str]

    def only(self, *names: str) -> None:
        """Raise `InputError` for an option of another name."""
        for name in self.options:
            if name not in names:
                known = ", ".join(names) or "none"
                raise InputError(f"{self.text}: expected options out of {known}, found {name!r}")

    def number(self, name: str, default: float, least: float = 0.0) -> float:
        """An option that is a number of at least `least`."""
        given = self.options.get(name)
        try:
            value = default if given is None else number(given)
        except ValueError:
            value = least - 1
        if not least <= value < float("inf"):
            raise InputError(f"{self.text}: {name}: expected a number from {least:g} on, found {given!r}")
        return value

    def word(self, name: str, default: str, *known: str) -> str:
        """An option that is one of `known`."""
        value = self.options.get(name, default)
        if value not in known:
            raise InputError(f"{self.text}: {name}: expected {' or '.join(known)}, found {value!r}")
        return value

    def place(self, port: int | None = None) -> tuple[str, int]:
        """Host and port; raises `InputError` if one is missing and has no default."""
        found = self.port if self.port is not None else port
        if found is None:
            raise InputError(f"{self.text}: expected {self.scheme}://host:port, found no port")
        return self.host or "localhost", found


def scheme_of(text: str) -> str:
    """The scheme of an address in small letters; "file" for a path, "-" for a standard stream."""
    found = _SCHEME.match(text)
    return "-" if text == "-" else found[1].lower() if found else "file"


def parse_address(text: str) -> Address:
    """The parts of an address. Raises `InputError` for a port or a host that is none, and for what is no Unicode."""
    scheme = scheme_of(text)
    if scheme in ("-", "file"):
        path = _FILE.sub("", text, count=1)
        return Address(text, scheme, "", None, path, "", "", {})
    try:
        # What libraries of networks cannot encode, each raises in its own way, and some in a thread of their own.
        text.encode()
        # A topic of MQTT may have a `#`, which begins no fragment here.
        parts = urlsplit(text, allow_fragments=False)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise InputError(f"{text}: not an address ({error})") from error
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(text, scheme, parts.hostname or "", port, unquote(parts.path), user, password, options)


def in_url(host: str) -> str:
    """A host as it stands before a port: one that has colons itself in brackets."""
    return f"[{host}]" if ":" in host else host
