"""A network that wants a login first, and what looks like one: nothing here is ever `blocked`."""

from __future__ import annotations

from tests.lab.scenarios.scenario import Control, Scenario, at, both, http, https, other
from tests.lab.spec import Certificate, Lie, Page, Redirect, Rule, Spec, To

ONE, TWO = "captive-portal.example", "second-captive-portal.example"
LOGIN = at(152)
SITES = (
    *both(ONE, at(151)),
    *both(TWO, at(158)),
    http("portal.example", LOGIN, page=Page(title="Guest network", text="Please log in. " * 20)),
    https("portal.example", LOGIN, certificate=Certificate.SELF_SIGNED),
)
EVERY_NAME = (Lie(name="", addresses=(LOGIN,)),)
THE_WEB = (
    Rule(when=To(port=80), do=Redirect(address=LOGIN)),
    Rule(when=To(port=443), do=Redirect(address=LOGIN)),
)
THE_CONTROL = (Rule(when=To(port=8080), do=Redirect(address=LOGIN, port=80)),)
"""The way to it ends at the portal as well."""
THESE_NAMES = tuple(Lie(name=name, addresses=(LOGIN,)) for name in (ONE, TWO))


def _portal(
    id: str,
    *targets: str,
    lies: tuple[Lie, ...] = EVERY_NAME,
    rules: tuple[Rule, ...] = (*THE_CONTROL, *THE_WEB),
    control: Control = Control.ON,
    reason: str = "host.captive_portal",
    claimed: bool | None = True,
) -> Scenario:
    spec = Spec(sites=SITES, lies=lies, rules=rules)
    host = {"captive_portal": claimed}
    return other("inconclusive", id, spec, *targets, control=control, reason=reason, host=host)


PORTALS: tuple[Scenario, ...] = (
    _portal("captive-portal", ONE),
    _portal("captive-portal-one-target", f"https://{ONE}/", control=Control.OFF),
    _portal("captive-portal-ports", f"tcp://{ONE}:443", f"dns://{ONE}", f"tls://{ONE}:443"),
    _portal("captive-portal-true-names", ONE, TWO, lies=()),
    _portal(
        "captive-portal-but-control",
        ONE,
        rules=THE_WEB,
        reason="host.resolver_intercepts",
        claimed=False,
    ),
    # a filter of these names is nobody's login
    _portal(
        "filter-of-all", ONE, TWO, lies=THESE_NAMES, rules=(), control=Control.DOWN, reason="control.none", claimed=None
    ),
)
