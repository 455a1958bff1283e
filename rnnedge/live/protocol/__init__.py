"""What sources, sinks and servers share: packets of frames, addresses, and how both are written on a wire."""

from rnnedge.live.protocol.address import Address, in_url, parse_address
from rnnedge.live.protocol.packet import EVENT_COLUMNS, PATIENCE_S, Packet, Sink, Source
from rnnedge.live.protocol.sequence import Sequence, Timeline

__all__ = [
    "EVENT_COLUMNS",
    "PATIENCE_S",
    "Address",
    "Packet",
    "Sequence",
    "Sink",
    "Source",
    "Timeline",
    "in_url",
    "parse_address",
]
