"""The words that a rule's sentence is filled with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from probe.classify import known
from probe.classify.facts import Case
from probe.classify.path import Layer
from probe.failure import Failure
from probe.model import Host, TlsDetail

# What a failure word means to somebody who does not know the field.
PLAIN: dict[Failure | None, str] = {
    None: "no failure",
    Failure.CONNECTION_REFUSED: "the connection is refused",
    Failure.CONNECTION_RESET: "the connection is cut",
    Failure.DNS_NO_ANSWER: "the name has no address",
    Failure.DNS_NXDOMAIN: "the name does not exist",
    Failure.DNS_REFUSED: "the resolver refuses to answer",
    Failure.DNS_SERVFAIL: "the resolver fails",
    Failure.EOF: "the connection is closed early",
    Failure.GENERIC_TIMEOUT: "nothing answers in time",
    Failure.HOST_UNREACHABLE: "the network says there is no way there",
    Failure.HTTP_INVALID_REDIRECT: "the page redirects to nowhere",
    Failure.NETWORK_UNREACHABLE: "the network says there is no way there",
    Failure.SSL_FAILED_HANDSHAKE: "the handshake fails",
    Failure.SSL_INVALID_CERTIFICATE: "the certificate is not valid now",
    Failure.SSL_INVALID_HOSTNAME: "the certificate is for another name",
    Failure.SSL_UNKNOWN_AUTHORITY: "the certificate is from an unknown authority",
    Failure.TIMED_OUT: "nothing answers in time",
}
_AT = {
    Layer.DNS: "{host} could not be resolved",
    Layer.TCP: "No connection to {host} could be made",
    Layer.TLS: "No secure connection to {host} could be made",
    Layer.HTTP: "No page came from {host}",
    Layer.GREETING: "No answer in its protocol came from {host}",
}


def plain(failure: Failure | None) -> str:
    """A failure in plain words."""
    return PLAIN.get(failure) or str(failure).replace("_", " ")


def sentence(text: str, case: Case) -> str:
    """A rule's sentence about this case."""
    return text.format_map(_Words(case))


class _Words(dict[str, str]):
    """What the names in a sentence stand for in one case: each is worked out when it is met."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._case = case

    def __missing__(self, name: str) -> str:
        return WORDS[name](self._case)


_SPANS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_AT_LEAST = 2


def clock(host: Host) -> str:
    """How this machine's clock is, after "the clock is"."""
    if host.clock_offset is None:
        return "wrong" if host.clock_wrong else "not known to be wrong"
    seconds = abs(host.clock_offset)
    span, name = next(((s, n) for s, n in _SPANS if seconds >= _AT_LEAST * s), _SPANS[-1])
    count = round(seconds / span)
    way = "ahead of" if host.clock_offset > 0 else "behind"
    return f"{count} {name}{'' if count == 1 else 's'} {way} the control's"


def _network(case: Case) -> str:
    records = sorted(case.related.values(), key=lambda record: record.asn or 0)
    names = dict.fromkeys(" ".join(filter(None, (f"AS{record.asn}", record.network))) for record in records)
    return " and ".join(names) or "an unknown network"


def _problem(case: Case) -> str:
    if case.mine.has_unfollowed_redirect:
        return "its redirects have no end"
    return plain(case.end.failure)


def _what_failed(case: Case) -> str:
    hop = case.end
    host = hop.host or case.mine.measurement.target.host
    if hop.failed is None:
        if case.mine.has_unfollowed_redirect:
            return f"The redirects of {host} have no end"
        return f"{host} answered, but not in a way that proves who it is"
    if hop.failed is Layer.DNS and hop.addresses:
        return f"The resolver sends {host} to an address where no public service can be"
    if hop.failed is Layer.GREETING and hop.failure is None:
        return f"{host} answered, but not in its protocol"
    return f"{_AT[hop.failed].format(host=host)} ({plain(hop.failure)})"


def _issuer(case: Case) -> str:
    shown = (row.detail.issuer for row in case.end.tls if isinstance(row.detail, TlsDetail) and row.detail.issuer)
    return next(shown, "an authority")


def _elsewhere(case: Case) -> str:
    hops = case.mine.hops
    led_to = [later.host for earlier, later in pairwise(hops) if later.host != earlier.host]
    return led_to[-1] if led_to else "elsewhere"


WORDS: Mapping[str, Callable[[Case], str]] = {
    "host": lambda case: case.end.host or case.mine.measurement.target.host,
    "target_host": lambda case: case.mine.measurement.target.host,
    "port": lambda case: str(case.end.port or case.mine.measurement.target.port or ""),
    "addresses": lambda case: " and ".join(sorted(case.end.addresses)[:3]) or "no address",
    "issuer": _issuer,
    "protocol": lambda case: str(case.mine.measurement.target.speaks or "unknown"),
    "network": _network,
    "status": lambda case: str(case.end.page.status) if case.end.page else "none",
    "problem": _problem,
    "elsewhere": _elsewhere,
    "retired": lambda case: str(case.mine.measurement.target.retired),
    "why_offline": lambda case: case.host.why_offline or "it reaches nothing",
    "vpn": lambda case: case.host.vpn or "none",
    "clock": lambda case: clock(case.host),
    "what_failed": _what_failed,
    "overruled": lambda case: " and ".join(sorted({path.measurement.vantage.name for path in case.overruled})),
    **known.WORDS,
}
"""The names that a sentence may use, with what they stand for in a case."""
