"""A VPN of the client's: a link of kind `tun`, into which the client sends everything.

Law: one plain loop. What goes into the tunnel comes out on the client's own link, as if it had been sent there; what
comes back needs no tunnel. So the same Internet lies behind it, and only the way to it differs.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import socket
import struct
from multiprocessing.connection import Connection

from tests.lab.needs import TUN
from tests.lab.netns import Host, enter

NAME = "tun0"
_SET, _PLAIN = 0x400454CA, 0x1001  # linux/if_tun.h: TUNSETIFF; IFF_TUN | IFF_NO_PI
_ETHERNET = {4: b"\x08\x00", 6: b"\x86\xdd"}
_ANYBODY = bytes(12)
"""Both ends of a frame: the router takes whatever comes."""


def serve(host: Host, orders: Connection) -> None:
    """Is the tunnel until the first order, or until there is nobody to give one; says then that it is gone."""
    enter(host)
    try:
        tunnel = os.open(TUN, os.O_RDWR)
        fcntl.ioctl(tunnel, _SET, struct.pack("16sH22x", NAME.encode(), _PLAIN))
    except OSError as wrong:
        orders.send(str(wrong))
        return
    orders.send(None)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as link, selectors.DefaultSelector() as selector:
        link.bind(("eth0", 0))
        selector.register(tunnel, selectors.EVENT_READ)
        selector.register(orders, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if orders in ready:
                break
            packet = os.read(tunnel, 65_535)
            link.send(_ANYBODY + _ETHERNET[packet[0] >> 4] + packet)
    os.close(tunnel)
    try:
        orders.recv()
        orders.send(None)
    except (EOFError, BrokenPipeError):
        return
