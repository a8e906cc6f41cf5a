"""The rules that this machine's own state decides, in three groups which `rules.RULES` has in their places."""

from __future__ import annotations

from probe.classify import host as h
from probe.classify.rule import Rule
from probe.model import Outcome

OFFLINE: tuple[Rule, ...] = (
    Rule(
        "host.offline",
        Outcome.INCONCLUSIVE,
        h.is_offline,
        "This machine has no working network: {why_offline}.",
    ),
)
"""Asked before anything else."""

PORTAL: tuple[Rule, ...] = (
    Rule(
        "host.captive_portal",
        Outcome.INCONCLUSIVE,
        h.is_behind_portal,
        "Nothing that this machine asked for answered as itself: all of it is answered by one and the same stranger, as"
        " in a network that wants a login first. Open any page in a browser, log in, and measure again.",
    ),
)
"""Asked once it is clear that nobody proved to be the service, and nobody who is known to block was recognised."""

EXPLAINS_IT: tuple[Rule, ...] = (
    Rule(
        "host.clock_suspect",
        Outcome.INCONCLUSIVE,
        h.clock_may_explain,
        "{host} showed a certificate that is not valid now by this machine's clock, which is wrong; whose certificate"
        " it is was not learned.",
    ),
    Rule(
        "host.ipv6_unproven",
        Outcome.INCONCLUSIVE,
        h.ipv6_alone_could_tell,
        "Only over IPv6 could it be told whether {host} can be reached, and no IPv6 connection has worked from this"
        " machine; so the failure may be its own.",
    ),
    Rule(
        "host.resolver_intercepts",
        Outcome.INCONCLUSIVE,
        h.resolver_intercepts,
        "The resolver sends {host} where it sent every name that was asked for, one that cannot exist as well: it"
        " answers nothing truly, and this name is not singled out.",
    ),
)
"""Asked once it is clear that the target neither answered here nor fails everywhere."""
