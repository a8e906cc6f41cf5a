"""A plain client, run inside a world's hosts to see what the network there does: no part of the program is in it.

`visit.py VERB JSON` prints one JSON object: what was seen, or the `failure`.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time
from collections.abc import Callable
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype

_PATIENCE = 2.0
_RECVERR, _TTL = 11, 2  # linux/in.h: IP_RECVERR, IP_TTL


def resolve(
    name: str, kind: str = "A", server: str | None = None, listen: float = 0.0, over: str = "udp", repeat: int = 1
) -> Any:
    """The answers to a question, as `[rcode, address, …]` each; the system's resolver is asked where none is named."""
    with open("/etc/resolv.conf") as configuration:
        asked = server or configuration.read().split()[1]
    question = dns.message.make_query(name, kind)
    if over == "tcp":
        with socket.create_connection((asked, 53), _PATIENCE) as stream:
            wire = question.to_wire()
            stream.sendall(len(wire).to_bytes(2, "big") + wire)
            received = stream.makefile("rb")
            return {"answers": [_seen(received.read(int.from_bytes(received.read(2), "big")))]}
    answers = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((asked, 53))
        for _ in range(repeat):
            sock.send(question.to_wire())
        sock.settimeout(_PATIENCE)
        try:
            answers.append(_seen(sock.recv(4096)))
            sock.settimeout(listen or 0.001)
            while True:
                answers.append(_seen(sock.recv(4096)))
        except TimeoutError:
            return {"answers": answers}


def _seen(wire: bytes) -> list[str]:
    answer = dns.message.from_wire(wire)
    return [dns.rcode.to_text(answer.rcode()), *(item.to_text() for rrset in answer.answer for item in rrset)]


def connect(address: str, port: int) -> Any:
    """Whether something accepts there."""
    socket.create_connection((address, port), _PATIENCE).close()
    return {"failure": None}


def shake(address: str, name: str, alpn: tuple[str, ...] = ("http/1.1",), split: int = 0) -> Any:
    """A TLS handshake for a name; with `split` the first bytes of the ClientHello travel alone."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(list(alpn))
    with socket.create_connection((address, 443), _PATIENCE) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname=name)
        while True:
            try:
                session.do_handshake()
            except ssl.SSLWantReadError:
                _send(plain, outgoing.read(), split)
                incoming.write(_some(plain))
            else:
                issuer = dict(pair[0] for pair in session.getpeercert()["issuer"])  # type: ignore[index,misc]
                chosen = session.selected_alpn_protocol()
                return {"failure": None, "issuer": issuer.get("organizationName"), "alpn": chosen}


def _send(plain: socket.socket, data: bytes, split: int) -> None:
    if split:
        plain.sendall(data[:split])
        time.sleep(0.05)  # so that the two parts are segments of their own
    plain.sendall(data[split:])


def _some(plain: socket.socket) -> bytes:
    data = plain.recv(65_535)
    if not data:
        raise EOFError
    return data


def get(address: str, name: str, port: int = 80, path: str = "/", secure: bool = False) -> Any:
    """A page: its status, the length of its body, and its beginning."""
    with socket.create_connection((address, port), _PATIENCE) as plain:
        stream = ssl.create_default_context().wrap_socket(plain, server_hostname=name) if secure else plain
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = _some(stream).partition(b"\r\n\r\n")
        try:
            while data := stream.recv(65_535):
                body += data
        except TimeoutError:
            pass  # what had come by then is what the caller asks about
        return {"failure": None, "status": int(head.split()[1]), "length": len(body), "body": body[:500].decode()}


def expire(address: str, port: int, ttl: int) -> Any:
    """Who says that a connect with this TTL did not get there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(_PATIENCE)
        sock.setsockopt(socket.IPPROTO_IP, _RECVERR, 1)
        sock.setsockopt(socket.IPPROTO_IP, _TTL, ttl)
        try:
            sock.connect((address, port))
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            _, ancillary, _, _ = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            return {"from": socket.inet_ntoa(ancillary[0][2][20:24]), "type": ancillary[0][2][5]}
    return {"from": None}


VERBS: dict[str, Callable[..., Any]] = {
    "resolve": resolve,
    "connect": connect,
    "shake": shake,
    "get": get,
    "expire": expire,
}

if __name__ == "__main__":
    try:
        seen = VERBS[sys.argv[1]](**json.loads(sys.argv[2]))
    except (OSError, EOFError) as error:
        seen = {"failure": getattr(error, "verify_message", "") or type(error).__name__}
    print(json.dumps(seen))
