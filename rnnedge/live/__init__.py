"""Frames from a source, decisions to a sink: microphones, serial lines, brokers, sockets, files."""

from rnnedge.live.buffer import Buffer
from rnnedge.live.events import Detector, EventRule
from rnnedge.live.protocol import Address, Packet, Sink, Source
from rnnedge.live.registry import open_sink, open_source
from rnnedge.live.run import LiveReport, run_live
from rnnedge.live.session import Outputs, Session

__all__ = [
    "Address",
    "Buffer",
    "Detector",
    "EventRule",
    "LiveReport",
    "Outputs",
    "Packet",
    "Session",
    "Sink",
    "Source",
    "open_sink",
    "open_source",
    "run_live",
]
