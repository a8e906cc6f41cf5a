"""The closed lists of words that records are written with: each word stands for one thing (`docs/ontology.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Scheme(StrEnum):
    """How deep a target is checked: each scheme includes the steps below it."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    HTTPS = "https"
    UDP = "udp"


class ProtocolName(StrEnum):
    """What a target speaks, where a first exchange in it is public knowledge and does no harm."""

    XMPP = "xmpp"
    """A stream is opened (RFC 6120)."""
    STUN = "stun"
    """A binding is asked for (RFC 8489)."""
    MTPROTO = "mtproto"
    """Telegram's: the numbers that a key exchange begins with are asked for."""
    MQTT = "mqtt"
    """A session is asked for without a name or password; to be refused is an answer (MQTT 3.1.1)."""
    NEWGETDNS = "newgetdns"
    """WeChat's own name service, a page over plain HTTP."""


SPOKEN_OVER: Mapping[ProtocolName, frozenset[Scheme]] = {
    ProtocolName.XMPP: frozenset({Scheme.TCP, Scheme.TLS}),
    ProtocolName.STUN: frozenset({Scheme.UDP, Scheme.TCP, Scheme.TLS}),
    ProtocolName.MTPROTO: frozenset({Scheme.TCP}),
    ProtocolName.MQTT: frozenset({Scheme.TLS, Scheme.TCP}),
    ProtocolName.NEWGETDNS: frozenset({Scheme.HTTP}),
}
"""The schemes of the targets that can speak each protocol."""


class Role(StrEnum):
    """What a service's endpoint is for."""

    WEB = "web"
    API = "api"
    LONG_LINK = "long_link"
    SHORT_LINK = "short_link"
    MEDIA = "media"
    PUSH = "push"
    LOGIN = "login"
    REGISTRATION = "registration"
    BOOTSTRAP = "bootstrap"
    SUPPORT = "support"
    CALLS = "calls"
    """Setting up voice and video, and carrying it."""
    LINKS = "links"
    """Short addresses that people send each other."""


class Certainty(StrEnum):
    """How sure it is that an endpoint belongs to its service. `UNVERIFIED` ones never decide a verdict."""

    DOCUMENTED = "documented"
    REPORTED = "reported"
    UNVERIFIED = "unverified"


class StepName(StrEnum):
    """The kind of one network operation."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    QUIC = "quic"
    GREETING = "greeting"


class Experiment(StrEnum):
    """What one operation changed, to find out why another had failed."""

    NO_RESOLVER = "no_resolver"
    """The question went to an address where no resolver is."""
    OVER_TCP = "over_tcp"
    """The question went to the same resolver over TCP, where an answer cannot be forged blindly."""
    OVER_TLS = "over_tls"
    """The question went to the same resolver over TLS, where nobody on the way can read it."""
    OVER_HTTPS = "over_https"
    """The question went to the resolver that the settings name for that, over HTTPS."""
    BELOW_THE_NAME = "below_the_name"
    """The question was for a name below it, made up for this, which nobody can have asked for before."""
    CONTROL_ADDRESS = "control_address"
    """The connection went to an address that only the control was given."""
    NEUTRAL_GROUND = "neutral_ground"
    """The name was sent to an address of the control's own, which answers under any name."""
    OTHER_NAME = "other_name"
    """The same address was asked under a name that nobody blocks."""
    OTHER_SERVER_NAME = "other_server_name"
    """The handshake named a host that nobody blocks, the request in it the true one."""
    OTHER_PORT = "other_port"
    """The connection went to another port of the same address."""
    SPLIT_SEGMENTS = "split_segments"
    """The name was sent in two TCP segments, cut in its middle."""
    SPLIT_RECORDS = "split_records"
    """The name was sent in two TLS records, cut in its middle."""
    TRANSFER = "transfer"
    """Nothing: the same page once more, for how fast it comes."""
    REPEAT = "repeat"
    """Nothing: the same once more, after a longer pause."""
    HOP_LIMIT = "hop_limit"
    """The packets could go only so far: who answers, although they cannot arrive, sits on the way."""


class Outcome(StrEnum):
    """What a verdict says of a target."""

    OK = "ok"
    BLOCKED = "blocked"
    DOWN = "down"
    REFUSED = "refused"
    INCONCLUSIVE = "inconclusive"


class Method(StrEnum):
    """Which layer was interfered with."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    QUIC = "quic"
    THROTTLING = "throttling"


class Confidence(StrEnum):
    """How sure a `blocked` verdict is: seen once or with gaps, repeated, or proving itself."""

    POSSIBLE = "possible"
    LIKELY = "likely"
    CONFIRMED = "confirmed"
