"""What a row of the scenario tables is, and the parts that rows are made of.

Law: names and addresses of different rows differ, so that any of them can be merged into one world (`spec.merged`),
those apart whose access or resolver is not the usual one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.lab.spec import (
    Certificate,
    Page,
    Site,
    Spec,
)


class Control(StrEnum):
    """The control vantage point."""

    ON = "on"
    DOWN = "down"
    """Named to the probe, and nothing answers there."""
    OFF = "off"
    """`--control none`."""
    NEUTRAL = "neutral"
    """One that has neutral ground."""
    TWO = "two"
    """Two of them, one of which is censored by name as the client is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A world, what is checked in it, and the verdict that every target must get."""

    id: str
    spec: Spec
    targets: tuple[str, ...]
    """As on the command line of `check`; where `own_root` is set, the endpoints of a target list for `run`."""
    outcome: str
    methods: tuple[str, ...] = ()
    confidence: str | None = None
    """The least that is due, for `blocked`."""
    reason: str | None = None
    """A reason's code that must be among them, where the contract names it."""
    control: Control = Control.ON
    status: int | None = None
    """The exit status where the outcome does not give it (see `exit_status`)."""
    seconds: float = 3.0
    """What `--timeout` is given."""
    options: tuple[str, ...] = ()
    """More words on the command line."""
    fingerprints: str | None = None
    """The user's own file of fingerprints."""
    clock: str | None = None
    """How far the client's clock is off: `+365d`."""
    host: Mapping[str, object] = field(default_factory=dict)
    """What the run must have noted of its host."""
    own_root: bool = False
    """The target list names the world's own root (`Certificate.OWN_ROOT`) as the only good one."""

    @property
    def exit_status(self) -> int:
        return self.status if self.status is not None else {"ok": 0, "blocked": 3}.get(self.outcome, 4)


def target_list(targets: Sequence[str], root: str) -> str:
    """A target list with these endpoints, whose certificates must lead to this root."""
    head = ('title = "Own"', 'operator = "x"', 'homepage = "https://own.example/"', 'domains = ["own.example"]')
    endpoint = ("[[endpoint]]", 'role = "api"', 'purpose = "x"', 'certainty = "documented"', 'source = "x"')
    lines = [*head, f'roots = ["{root}"]']
    for target in targets:
        lines += [*endpoint, f'target = "{target}"']
    return "\n".join(lines)


def at(number: int) -> str:
    """The IPv4 address with this number, 1 to 254."""
    return f"192.31.196.{number}"


def at6(number: int) -> str:
    """The IPv6 address with this number."""
    return f"2620:4f:8000:100::{number:x}"


HEADERS = (("Server", "example-httpd"), ("X-Example-Id", "7"))
PAGE = Page(title="The Example Service", text="Write to your friends. " * 40, headers=HEADERS)
FORBIDDEN = Page(
    status=200,
    title="Access restricted",
    text="This address is on the register. " * 9,
    headers=(("Server", "gateway"), ("X-Filter", "3")),
)
BLOCK_HOST = "192.175.48.10"
"""Serves a block page on 80, and a certificate of its own on 443."""
DARK = "192.175.48.12"
"""An address at which nothing is."""
CLOSED = "192.175.48.13"
"""An address at which every port is closed."""
BLOCK_SITES = (
    Site(name="gateway.example", addresses=(BLOCK_HOST,), port=80, certificate=None, page=FORBIDDEN),
    Site(name="gateway.example", addresses=(BLOCK_HOST,), page=FORBIDDEN),
)
ERROR_451 = Page(status=451, title="Unavailable", text="Not in your country.", headers=HEADERS)
CAPTCHA = Page(
    status=503,
    title="Attention required!",
    text="Are you human?",
    headers=(("Server", "waf"), ("cf-mitigated", "challenge")),
)


def http(
    name: str,
    *addresses: str,
    page: Page = PAGE,
    paths: tuple[tuple[str, Page], ...] = (),
    for_client: Page | None = None,
) -> Site:
    """A site in clear."""
    return Site(
        name=name, addresses=addresses, port=80, certificate=None, page=page, paths=paths, for_client=for_client
    )


def https(
    name: str,
    *addresses: str,
    page: Page = PAGE,
    paths: tuple[tuple[str, Page], ...] = (),
    for_client: Page | None = None,
    certificate: Certificate = Certificate.GOOD,
) -> Site:
    """A site over TLS."""
    return Site(name=name, addresses=addresses, certificate=certificate, page=page, paths=paths, for_client=for_client)


def both(name: str, *addresses: str, page: Page = PAGE, for_client: Page | None = None) -> tuple[Site, Site]:
    """A site in clear and over TLS."""
    return http(name, *addresses, page=page, for_client=for_client), https(
        name, *addresses, page=page, for_client=for_client
    )


def to(location: str, status: int = 302) -> Page:
    """A redirect."""
    return Page(status=status, location=location, headers=HEADERS)


def response(page: Page) -> bytes:
    """The page as bytes of HTTP/1.1, for a censor to inject."""
    title = "" if page.title is None else f"<title>{page.title}</title>"
    body = f"<html><head>{title}</head><body>{page.text}</body></html>".encode()
    headers = "".join(f"{name}: {value}\r\n" for name, value in page.headers)
    location = "" if page.location is None else f"Location: {page.location}\r\n"
    return f"HTTP/1.1 {page.status} X\r\n{headers}{location}Content-Length: {len(body)}\r\n\r\n".encode() + body


def ok(id: str, spec: Spec, *targets: str, reason: str | None = None, **more: object) -> Scenario:
    return Scenario(id=id, spec=spec, targets=targets, outcome="ok", reason=reason, **more)  # type: ignore[arg-type]


def blocked(method: str, id: str, spec: Spec, *targets: str, confidence: str = "likely", **more: object) -> Scenario:
    return Scenario(
        id=id,
        spec=spec,
        targets=targets,
        outcome="blocked",
        methods=(method,),
        confidence=confidence,
        **more,  # type: ignore[arg-type]
    )


def other(outcome: str, id: str, spec: Spec, *targets: str, **more: object) -> Scenario:
    return Scenario(id=id, spec=spec, targets=targets, outcome=outcome, **more)  # type: ignore[arg-type]
