"""What a world is, as data: sites, names, lies, censor rules, and the state of the client's own network.

Law: frozen records and nothing else. Addresses lie in ranges that count as globally routable yet host nothing
(192.31.196.0/24, 192.175.48.0/24, 192.52.193.0/24, 2620:4f:8000::/48, 2001:4:112::/48), so that no rule about private
addresses needs a switch for tests. A spec may own other prefixes besides (`Spec.prefixes`), since no packet leaves
the namespaces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

CLIENT = ("192.52.193.2", "2620:4f:8000:1::2")
CONTROL = ("192.52.193.66", "2620:4f:8000:2::2")
PUBLIC = ("192.31.196.0/24", "192.175.48.0/24", "2620:4f:8000:100::/56")
"""Where servers can be. Any address in here answers with "closed" unless something listens, or it is dark."""
PROVIDER_RESOLVER = "192.175.48.53"
"""The client's resolver: the one that lies."""
HONEST_RESOLVER = "192.175.48.54"
"""The control's resolver."""
PUBLIC_RESOLVER = "192.175.48.88"
"""A third resolver, honest, which the client can ask as well."""
HOPS = tuple(f"192.175.48.{129 + n}" for n in range(5))
"""The routers on the way out, nearest to the client first. None is in the client's own network."""
HOPS_V6 = tuple(f"2001:4:112::{1 + n}" for n in range(5))


class Certificate(StrEnum):
    """What a TLS server shows."""

    GOOD = "good"
    """Of the lab's authority, which every host trusts; for centuries."""
    BRIEF = "brief"
    """The same for the 90 days around now, as most sites have theirs."""
    STATE = "state"
    """Good, but of another authority that every host trusts."""
    EXPIRED = "expired"
    WRONG_HOST = "wrong_host"
    SELF_SIGNED = "self_signed"
    UNKNOWN_AUTHORITY = "unknown_authority"
    OWN_ROOT = "own_root"
    """Of a service's own authority, which no host trusts by itself; its root is shown with the chain."""
    ANOTHER_ROOT = "another_root"
    """Of the authority that nobody knows, whose root is shown as well."""


class Ending(StrEnum):
    """What a server does with a request instead of answering it."""

    EOF = "eof"
    RESET = "reset"
    SILENCE = "silence"


class Speech(StrEnum):
    """What a server that is no web server speaks, as far as the first exchange."""

    XMPP = "xmpp"
    STUN = "stun"
    MTPROTO = "mtproto"
    MQTT = "mqtt"
    NEWGETDNS = "newgetdns"
    GARBAGE = "garbage"
    """Answers everybody with the same line, which belongs to no protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One response. The body is made of the parts that are set."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    title: str | None = None
    """`{n}` in it is another number in every response of a dynamic page."""
    text: str = ""
    location: str | None = None
    size: int = 0
    """Bytes of filling after the text."""
    dynamic: bool = False
    """Another text, length and cookie in every response."""
    delay: float = 0.0
    """Seconds before the first byte."""
    body: str | None = None
    """Instead of title, text and filling: this, to the letter."""
    ending: Ending | None = None
    """Instead of all that: what happens once the request was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A name served at addresses, on one port. Several sites may share an address and port, told apart by name."""

    name: str
    addresses: tuple[str, ...]
    port: int = 443
    certificate: Certificate | None = Certificate.GOOD
    """`None`: in clear."""
    page: Page = field(default_factory=Page)
    paths: tuple[tuple[str, Page], ...] = ()
    """Pages at other paths than the rest."""
    for_client: Page | None = None
    """What the client is given in place of `page`."""
    silent: bool = False
    """Accepts connections and never says a byte."""
    speech: Speech | None = None
    """Speaks this instead of HTTP."""
    datagrams: bool = False
    """Over UDP: `speech` answers each datagram."""
    relay: str | None = None
    """Passes everything through to the same port of this address."""
    http3: bool = False
    """Answers QUIC handshakes on the same port, and says so in its pages."""
    published: bool = True
    """Its addresses are in the DNS under its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """Records in the DNS beyond those of the sites: what every honest resolver says, in place of the site's."""

    name: str
    addresses: tuple[str, ...] = ()
    alias: str | None = None


class Answer(StrEnum):
    """How a lying resolver answers."""

    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    SILENCE = "silence"
    ADDRESSES = "addresses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """What the provider's resolver says of a name instead of the truth."""

    name: str
    """This name and all below it; the empty name is every name but the root."""
    answer: Answer = Answer.ADDRESSES
    addresses: tuple[str, ...] = ()
    types: tuple[str, ...] = ("A", "AAAA")
    """Questions of other types are answered truthfully."""
    only_dead: bool = False
    """Only where the true answer is that there is no such name."""
    times: int | None = None
    """The number of questions that are lied to; `None` is all."""


# Triggers: what a rule of the censor looks for.


@dataclass(frozen=True, slots=True, kw_only=True)
class To:
    """A first packet to one of these addresses; `None` is any."""

    addresses: tuple[str, ...] | None = None
    port: int | None = None
    protocol: str = "tcp"
    """`tcp` or `udp`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """The first packet of an answer (SYN-ACK) on its way back from one of these addresses."""

    addresses: tuple[str, ...]
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sni:
    """A TLS ClientHello for this name or one below it."""

    name: str
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHeader:
    """An HTTP request in clear for this name or one below it."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """A TCP connection whose client says this among its first bytes."""

    data: bytes
    addresses: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A DNS question for this name or one below it, to any address at port 53."""

    name: str
    types: tuple[str, ...] | None = None
    protocol: str = "udp"
    """`udp` or `tcp`."""


Trigger = To | Back | Sni | HostHeader | Saying | Question


# Actions: what a rule does about it. The packet that triggers goes no further, unless the action says so.


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Nothing of the flow passes from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A forged RST to both sides, in sequence; to a SYN, the refusal of a closed port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eof:
    """A forged FIN to the client, in sequence; a RST to the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject:
    """Forged bytes and a FIN to the client, in sequence; a RST to the server, whose answer is never seen."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """An ICMP error from the censor's hop: `admin_prohibited`, `host_unreachable`, `port_unreachable`."""

    why: str = "admin_prohibited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A forged DNS answer to the client. The question goes on, and the true answer comes after the forged one."""

    addresses: tuple[str, ...] = ()
    rcode: str = "NOERROR"
    swallow: bool = False
    """The question goes no further: no true answer follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """The flow goes on; after `after` bytes from the server, no more than `rate` bytes a second pass. 0: freeze."""

    after: int
    rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """The flow goes on, to another server, unseen by the client."""

    address: str
    port: int | None = None


Action = Drop | Reset | Eof | Inject | Reject | Forge | Throttle | Redirect


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the censor. The first rule that fits a packet decides."""

    when: Trigger
    do: Action
    also_control: bool = False
    times: int | None = None
    """The number of flows (or questions) it acts on, the first ones; `None` is all."""
    residual: float = 0.0
    """Seconds for which everything between the client and that address is dropped after the rule has acted."""
    reassemble: bool = True
    """Whether a name split over several segments is seen."""


class IPv6(StrEnum):
    """The client's IPv6."""

    WORKS = "works"
    NONE = "none"
    NOWHERE = "nowhere"
    """There is a route, and nothing ever comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The client's own network."""

    online: bool = True
    """False: no route anywhere."""
    ipv6: IPv6 = IPv6.WORKS
    vpn: bool = False
    """The client's way out is a tunnel, behind which the same Internet lies."""
    delay: float = 0.0
    """Seconds a packet takes each way."""
    loss: float = 0.0
    """Share of packets lost, each way; which ones is the same in every world."""
    censor_hop: int = 2
    """The hop after which the censor sits: packets that expire before it are not seen by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A whole world."""

    sites: tuple[Site, ...] = ()
    names: tuple[Name, ...] = ()
    lies: tuple[Lie, ...] = ()
    rules: tuple[Rule, ...] = ()
    dark: tuple[str, ...] = ()
    """Addresses at which nothing is: packets to them vanish, for everyone."""
    prefixes: tuple[str, ...] = ()
    """Where servers can be besides `PUBLIC`: addresses that are somebody's, such as those of services that are known by
    address. No packet leaves the world, so that they may be real ones."""
    access: Access = field(default_factory=Access)


def merged(*specs: Spec) -> Spec:
    """One world with everything in it; the access is the first one's. For specs whose names and addresses differ."""
    return Spec(
        sites=tuple(x for spec in specs for x in spec.sites),
        names=tuple(x for spec in specs for x in spec.names),
        lies=tuple(x for spec in specs for x in spec.lies),
        rules=tuple(x for spec in specs for x in spec.rules),
        dark=tuple(x for spec in specs for x in spec.dark),
        prefixes=tuple(x for spec in specs for x in spec.prefixes),
        access=specs[0].access,
    )
