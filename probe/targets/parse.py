"""The words of a target: what a user or a redirect writes, read into one normal form.

Law: pure. Whatever the text, the answer is a target or a TargetError; a target's name read again is the same target.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import idna

from probe.address import parse as parse_address
from probe.model import DEFAULT_PORTS, ProtocolName, Scheme, Target

_LONGEST = 2048
_LONGEST_SHOWN = 80
_LONGEST_HOST = 253
# Characters that may stand in a path or query as they are (RFC 3986 §3.3, §3.4), and `%`, which is encoded already.
_KEPT = "/%:@!$&'()*+,;=-._~?"
_FORMS = "give a domain, http(s)://host/path, tcp://host:port, tls://host:port, udp://host:port or dns://host"
_REDIRECTING = frozenset({Scheme.HTTP, Scheme.HTTPS})
# A datagram is answered only when it says something: of what a service may speak over UDP, STUN is what we can say.
_SPOKEN_UNASKED = {Scheme.UDP: ProtocolName.STUN}
# Several labels of small letters and digits, with single hyphens inside, the last one not a number.
_LABEL = "[a-z0-9]+(?:-[a-z0-9]+)*"
_ORDINARY = re.compile(rf"(?!.*[^.]{{64}})(?:{_LABEL}\.)+(?=[a-z]){_LABEL}")
# Where no browser asks for a page, since something else listens there ("bad ports", Fetch standard §2.10).
_NO_PAGES = frozenset(
    {
        1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
        110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
        531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190,
        5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    }
)  # fmt: skip
_USUAL_PORTS = {Scheme.UDP: 3478}


class TargetError(ValueError):
    """A text that names no target; says which, why, and what would be right."""

    def __init__(self, text: str, reason: str) -> None:
        shown = "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_SHOWN])
        super().__init__(f"{shown!r} is no target: {reason}")


def parse(text: str) -> tuple[Target, ...]:
    """The targets that a text names: a bare domain is checked over https and http both, anything else is one."""
    if "://" in text:
        return (parse_one(text),)
    _refuse_unreadable(text)
    if "/" in text or (":" in text.strip("[]") and parse_address(text) is None):
        raise TargetError(text, f"the scheme is missing; {_FORMS}")
    host = _host(text, text)
    return tuple(Target(scheme=each, host=host, port=DEFAULT_PORTS[each]) for each in (Scheme.HTTPS, Scheme.HTTP))


def parse_one(text: str) -> Target:
    """The one target that an URL names. Raises TargetError for anything else, a bare domain too."""
    _refuse_unreadable(text)
    if "://" not in text:
        raise TargetError(text, f"the scheme is missing; {_FORMS}")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise TargetError(text, f"the host is wrong: {error}") from None
    try:
        scheme = Scheme(parts.scheme)
    except ValueError:
        raise TargetError(text, f"the scheme {parts.scheme!r} is not known; {_FORMS}") from None
    if "@" in parts.netloc:
        raise TargetError(text, "a user name or password has no place in it; leave it out")
    port = _port(text, parts)
    if not parts.hostname:
        raise TargetError(text, f"the host is missing; {_FORMS}")
    if "[" in parts.netloc and parse_address(parts.hostname) is None:
        raise TargetError(text, "only an IPv6 address stands in brackets")
    target = _with_port(text, scheme, _host(text, parts.hostname), port, parts)
    if len(target.name) > _LONGEST:
        raise TargetError(text, f"longer than {_LONGEST} characters")
    return target


def _refuse_unreadable(text: str) -> None:
    if len(text) > _LONGEST:
        raise TargetError(text, f"longer than {_LONGEST} characters")
    if " " in text or not text.isprintable():  # of all that is printable, only this is a space
        raise TargetError(text, "it has spaces or control characters in it")


def _port(text: str, parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:  # the library's sentence names its own integers, not what would be right
        port = 0
    if port == 0:
        raise TargetError(text, "the port is not a number from 1 to 65535 (and an IPv6 address stands in brackets)")
    return port


def _with_port(text: str, scheme: Scheme, host: str, port: int | None, parts: SplitResult) -> Target:
    if scheme in DEFAULT_PORTS:
        path = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
        return Target(scheme=scheme, host=host, port=port or DEFAULT_PORTS[scheme], path=path)
    if parts.path not in ("", "/") or parts.query:
        raise TargetError(text, f"{scheme}:// has no path")
    if scheme is Scheme.DNS:
        if port is not None:
            raise TargetError(text, "dns:// has no port; --resolver names another resolver")
        if parse_address(host) is not None:
            raise TargetError(text, "dns:// wants a name, and this is an address")
        return Target(scheme=scheme, host=host, port=None)
    if port is None:
        usual = _USUAL_PORTS.get(scheme, 443)
        raise TargetError(text, f"the port is missing; give {scheme}://{host}:{usual}, or another port")
    return Target(scheme=scheme, host=host, port=port, speaks=_SPOKEN_UNASKED.get(scheme))


def redirect(base: Target, location: str) -> Target:
    """The target to which a Location header leads (RFC 9110 §10.2.2). Raises TargetError where that is none."""
    if len(location) > _LONGEST:
        raise TargetError(location, f"longer than {_LONGEST} characters")
    reference = location.strip().replace(" ", "%20")
    try:
        parts = urlsplit(reference)
        joined = urljoin(base.name, reference)
    except ValueError as error:
        raise TargetError(location, f"the host is wrong: {error}") from None
    # `//` announces a host, and urljoin would put the base's own there: a redirect to nowhere is not one to itself.
    if not parts.netloc and reference.removeprefix(f"{parts.scheme}:").startswith("//"):
        raise TargetError(location, "the host is missing")
    onward = parse_one(joined)
    if onward.scheme not in _REDIRECTING:
        raise TargetError(location, "a redirect leads to http:// or https://")
    if onward.port in _NO_PAGES:
        raise TargetError(location, f"port {onward.port} is not one for pages")
    return replace(
        onward,
        service=base.service,
        role=base.role,
        certainty=base.certainty,
        retired=base.retired,
        roots=base.roots if onward.host == base.host else (),  # of another host nobody said whose it may show
    )


def _host(text: str, host: str) -> str:
    """A host as it is asked for: lower case, IDNA for other scripts (UTS 46), addresses in their shortest spelling."""
    address = parse_address(host.removesuffix("."))
    if address is not None:
        if "%" in host:
            raise TargetError(text, "an address with a zone is no public address")
        # A mapped address is IPv4 on the wire, and how it is spelled differs between versions of Python.
        return str(getattr(address, "ipv4_mapped", None) or address)
    name = host.removesuffix(".")
    if len(name) <= _LONGEST_HOST and _ORDINARY.fullmatch(name):
        return name  # as UTS 46 has it, which takes ten times as long to say so
    try:
        encoded = idna.encode(name, uts46=True, std3_rules=False).decode("ascii").lower()
    except idna.IDNAError:
        encoded = _plain_name(text, name)
    labels = encoded.split(".")
    if len(encoded) > _LONGEST_HOST or not all(0 < len(label) < 64 for label in labels):
        raise TargetError(text, "the host is no domain name: a part of it is empty or too long")
    if not all(c.isalnum() or c in "-_" for label in labels for c in label):
        raise TargetError(text, "the host has characters that no domain name has")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        raise TargetError(text, "the host looks like an address, but is not spelled as one (four numbers, 0 to 255)")
    if len(labels) == 1:
        raise TargetError(text, f"{name!r} has no dot, so it is no public name; {_FORMS}")
    return encoded


def _plain_name(text: str, name: str) -> str:
    """Names that IDNA refuses and the DNS has all the same, such as those with an underscore."""
    if not name.isascii():
        raise TargetError(text, "the host is no domain name in any script")
    return name.lower()
