"""Servers of messaging protocols, as far as the first exchange: what a client has said, and what is answered.

Law: pure, and written from the protocols' own documents, with no part of the program in it. An answer is None while
the client has not said enough, and empty when the server hangs up.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping
from xml.etree import ElementTree

from tests.lab.spec import Speech

_STREAMS = "http://etherx.jabber.org/streams"
_COOKIE = 0x2112A442
_CALLER = (0xC0_34_C1_02, 50_000)  # an address and port to be told to whoever asks


def xmpp(said: bytes) -> bytes | None:
    """RFC 6120 §4.2: a stream of the server's own, and its features."""
    parser = ElementTree.XMLPullParser(["start"])
    try:
        parser.feed(said)
        opened = next((element for _, element in parser.read_events()), None)
    except ElementTree.ParseError:
        return b""
    if opened is None:
        return None
    if opened.tag != f"{{{_STREAMS}}}stream" or opened.get("version") != "1.0":
        return b""
    return (
        f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{_STREAMS}' id='c2s'"
        f" from='{opened.get('to')}' version='1.0'><stream:features>"
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
    ).encode()


def stun(said: bytes) -> bytes | None:
    """RFC 8489 §6.3.1: a success response with XOR-MAPPED-ADDRESS."""
    if len(said) < 20:
        return None
    kind, length, cookie, transaction = struct.unpack_from("!HHI12s", said)
    if (kind, length, cookie) != (0x0001, len(said) - 20, _COOKIE):
        return b""
    address, port = _CALLER
    mapped = struct.pack("!HHBBHI", 0x0020, 8, 0, 1, port ^ _COOKIE >> 16, address ^ _COOKIE)
    return struct.pack("!HHI12s", 0x0101, len(mapped), _COOKIE, transaction) + mapped


def mtproto(said: bytes) -> bytes | None:
    """core.telegram.org/mtproto/auth_key: resPQ to a req_pq_multi, in the abridged transport."""
    if len(said) < 2:
        return None
    if said[0] != 0xEF:
        return b""
    message = said[2 : 2 + 4 * said[1]]
    if len(message) < 4 * said[1]:
        return None
    key, message_id, length, call, nonce = struct.unpack_from("<QQII16s", message)
    if (key, message_id % 4, length, call) != (0, 0, 20, 0xBE7E8EF1):
        return b""
    product = b"\x08\x17\xed\x48\x94\x1a\x08\xf9\x81\x00\x00\x00"
    fingerprints = struct.pack("<IIQ", 0x1CB5C415, 1, 0xD09D1D85DE64FD85)
    body = struct.pack("<I16s16s", 0x05162463, nonce, bytes(range(16))) + product + fingerprints
    answer = struct.pack("<QQI", 0, message_id + 1, len(body)) + body
    return bytes([len(answer) // 4]) + answer


def mqtt(said: bytes) -> bytes | None:
    """MQTT 3.1.1 §3.2: "not authorised", since nobody has said who they are."""
    if len(said) < 2 or len(said) < 2 + said[1]:
        return None
    is_connect = said[0] == 0x10 and said[2:9] == b"\x00\x04MQTT\x04"
    return b"\x20\x02\x00\x05" if is_connect else b""


def newgetdns(said: bytes) -> bytes | None:
    """WeChat's name service over HTTP."""
    if b"\r\n\r\n" not in said:
        return None
    body = (
        b'<?xml version="1.0"?>\n<dns><retcode>0</retcode><clientip>192.52.193.2</clientip><domainlist>'
        b'<domain name="long.weixin.qq.com" timeout="1800"><ip>192.31.196.7</ip></domain></domainlist></dns>'
    )
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def garbage(said: bytes) -> bytes | None:
    """A server of another kind, such as a filter that says the same to everybody."""
    return b"Object not found\r\n" if said else None


ANSWERS: Mapping[Speech, Callable[[bytes], bytes | None]] = {
    Speech.XMPP: xmpp,
    Speech.STUN: stun,
    Speech.MTPROTO: mtproto,
    Speech.MQTT: mqtt,
    Speech.NEWGETDNS: newgetdns,
    Speech.GARBAGE: garbage,
}


async def speak(speech: Speech, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One exchange over a connection, which then stays open until the client closes it."""
    said, answer = b"", None
    while answer is None:
        more = await reader.read(4096)
        if not more:
            return
        said += more
        answer = ANSWERS[speech](said)
    if answer:
        writer.write(answer)
        await writer.drain()
        await reader.read()


class Datagrams(asyncio.DatagramProtocol):
    """The same for datagrams, each of which is a whole exchange."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = ANSWERS[self._speech](data)
        if answer and self._transport is not None:
            self._transport.sendto(answer, addr)
