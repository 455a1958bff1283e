"""Schemes and what opens them: our own kinds, and those of installed packages.

Another package adds a kind with an entry point in the group `rnnedge.sources` or `rnnedge.sinks`, by the name of its
scheme: a function `(address, contract, tell) -> Source`, or `(address) -> Sink`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from rnnedge.frames import ReadOptions
from rnnedge.live.protocol import Address, Sink, Source, parse_address
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError

_PLAIN = ReadOptions()
_RECORDED = ("-", "file")
# Of ours, those that may give text.
_TEXT = ("tcp", "ws", "wss", "serial", "mqtt", "mqtts")
_SOURCES = {
    "-": "recording:open_standard_input",
    "file": "recording:open_recording",
    "tcp": "tcp:TcpSource",
    **dict.fromkeys(("ws", "wss"), "websocket:WebSocketSource"),
    "serial": "serial_line:SerialSource",
    **dict.fromkeys(("mqtt", "mqtts"), "mqtt_topic:MqttSource"),
    "mic": "microphone:Microphone",
}
_SINKS = {
    "-": "rows:open_standard_output",
    "file": "rows:open_text_sink",
    "exec": "command:CommandSink",
    "tcp": "network:TcpSink",
    **dict.fromkeys(("ws", "wss"), "network:WebSocketSink"),
    "serial": "serial_line:SerialSink",
    **dict.fromkeys(("mqtt", "mqtts"), "mqtt_topic:MqttSink"),
}


def open_source(
    text: str, contract: Contract, tell: Callable[[str], None] = lambda _: None, reading: ReadOptions = _PLAIN
) -> Source:
    """The source of an address or a path, for a model with this contract; `tell` is told what is left out, and why.

    `reading`: how a file or standard input is read, and the numbers of any text; sound is brought to the model's rate
    in any case.
    Raises `InputError` for an unknown scheme, for `reading` of another source, and what the kind raises.
    """
    address = parse_address(text)
    more: tuple[Any, ...] = (reading,) if address.scheme in _RECORDED else ()
    if not more and (reading.raw or reading.channel):
        raise InputError(f"{text}: only recordings and standard input have samples and channels to choose")
    if address.scheme in _TEXT:
        more = (reading.decimal,)
    elif not more and reading.decimal != _PLAIN.decimal:
        raise InputError(f"{text}: gives no text, whose numbers could have decimal commas")
    source: Source = _opener(address, "sources", _SOURCES)(address, contract, tell, *more)
    return source


def open_sink(text: str) -> Sink:
    """The sink of an address or a path. Raises `InputError` for an unknown scheme, and what the kind raises."""
    address = parse_address(text)
    sink: Sink = _opener(address, "sinks", _SINKS)(address)
    return sink


def _opener(address: Address, room: str, own: dict[str, str]) -> Any:
    if address.scheme in own:
        module, _, name = own[address.scheme].partition(":")
        return getattr(import_module(f"rnnedge.live.{room}.{module}"), name)
    others = {entry.name: entry for entry in entry_points(group=f"rnnedge.{room}")}
    if address.scheme not in others:
        known = ", ".join(f"{scheme}:" for scheme in sorted({*own, *others} - {"-", "file"}))
        raise InputError(
            f"{address.text}: expected a path, - or one of {known}; found {address.scheme}:; a file of that name is "
            f"./{address.text}"
        )
    return others[address.scheme].load()
