"""The rules, in the order in which they are asked: the first that holds decides the outcome.

Law: pure and total. A rule is a row: a stable code, when it holds, what follows, and a sentence for people.
Rules after the deciding one that hold with the same outcome add their method and their reason.
`docs/rules.md` is written from this table. A change here raises RULES_VERSION and touches no recorded fact.
"""

from __future__ import annotations

from probe.classify import conditions as c
from probe.classify import controls as k
from probe.classify import experiments as e
from probe.classify import greeting_rules, host_rules, interference_rules, known, network_rules
from probe.classify import host as h
from probe.classify.rule import Rule
from probe.classify.speed import slow_by_name
from probe.model import Confidence, Method, Outcome

RULES_VERSION = "1"

_OK, _BLOCKED, _DOWN = Outcome.OK, Outcome.BLOCKED, Outcome.DOWN
_REFUSED, _INCONCLUSIVE = Outcome.REFUSED, Outcome.INCONCLUSIVE
_DNS, _TLS, _HTTP = Method.DNS, Method.TLS, Method.HTTP

RULES: tuple[Rule, ...] = (
    # What this host's own state decides
    *host_rules.OFFLINE,
    Rule("service.retired", _DOWN, c.is_retired, "This service was closed by its owner on {retired}."),
    Rule(
        "host.no_route",
        _INCONCLUSIVE,
        h.has_no_route,
        "This machine has no working route to any address of {host}, so nothing was learned about the way there.",
    ),
    # One half of its name is false, though it may still be reached by the other
    *(
        Rule(
            f"dns.{kind.lower()}_forged",
            _BLOCKED,
            condition,
            f"The resolver gives a false {family} address for {{host}} ({kind} record); the other kind is true.",
            _DNS,
            Confidence.LIKELY,
        )
        for kind, family, condition in (("A", "IPv4", c.dns_a_forged), ("AAAA", "IPv6", c.dns_aaaa_forged))
    ),
    # It answered, and yet somebody has a hand in it
    Rule(
        "tls.trusted_interception",
        _BLOCKED,
        e.tls_trusted_interception,
        "Somebody sits between here and {host}: at the address where the control sees the service's own certificate,"
        " another one is shown, from {issuer}, which this machine trusts and the public does not.",
        _TLS,
        Confidence.LIKELY,
    ),
    Rule(
        "throttling.slow_by_name",
        _BLOCKED,
        slow_by_name,
        "The page of {host} stops or crawls here as long as its name is sent in one piece; at the same address it comes"
        " ten times as fast when the name cannot be read. So it is the name that is slowed.",
        Method.THROTTLING,
        Confidence.CONFIRMED,
    ),
    # It answered, as itself
    Rule(
        "host.clock_wrong",
        _OK,
        h.clock_is_wrong,
        "{host} answered with the very certificate that the control accepts; only by this machine's clock it is not"
        " valid now. Set the clock.",
    ),
    Rule(
        "http.refused",
        _REFUSED,
        c.is_refused,
        "{host} itself, proven by its certificate, answers HTTP {status} here but not at the control:"
        " the service turns this network or country away.",
    ),
    *greeting_rules.ANSWERED,
    Rule("tls.verified_page", _OK, c.is_verified_page, "{host} answered with a verified certificate (HTTP {status})."),
    Rule("tls.verified", _OK, c.is_verified_handshake, "{host} answered with a verified certificate."),
    # Somebody who blocks is recognised, whatever a control may see or not
    Rule(
        "dns.known_block_address",
        _BLOCKED,
        known.dns_known_block_address,
        "The resolver sends {named_host} to {block_address}, where blocked names are sent by {address_owner}.",
        _DNS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "dns.leads_to_known_blocker",
        _BLOCKED,
        known.dns_leads_to_known_blocker,
        "The resolver sends {host} to {addresses}, which no control is given; what answers there is known as that of"
        " {met_owner}.",
        _DNS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "tls.known_filter_certificate",
        _BLOCKED,
        known.tls_known_filter_certificate,
        "The certificate that is shown in place of {host}'s is known as that of {certificate_owner}.",
        _TLS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "http.known_block_page",
        _BLOCKED,
        known.http_known_block_page,
        "What came in place of {page_host}'s page is a known block page, or the way to one: that of {page_owner}.",
        _HTTP,
        Confidence.CONFIRMED,
    ),
    *host_rules.PORTAL,
    Rule("tcp.connected", _OK, c.is_connected, "{host} accepted the connection on port {port}."),
    Rule("dns.resolved", _OK, c.is_resolved, "The resolver gives an address that the control's resolver gives too."),
    Rule("http.same_page", _OK, c.is_same_page, "{host} answered with the page that the control is given too."),
    # It works nowhere, and yet the name is sent somewhere
    Rule(
        "dns.ghost",
        _BLOCKED,
        h.dns_ghost,
        "{host} does not exist any more, and still the resolver sends it, and every name below it, to {addresses};"
        " other names that do not exist it denies. So this one is singled out.",
        _DNS,
        Confidence.LIKELY,
    ),
    # It works nowhere
    Rule(
        "control.nearby_fails_too",
        _INCONCLUSIVE,
        k.nearby_control_fails_too,
        "{what_failed}, nor does it work from the control; but that is in the same country or network, and may be"
        " behind the same censor.",
    ),
    Rule(
        "dns.fails_everywhere",
        _DOWN,
        c.dns_fails_everywhere,
        "{host} cannot be resolved to a public address from the control either.",
    ),
    Rule(
        "tcp.fails_everywhere",
        _DOWN,
        c.tcp_fails_everywhere,
        "{host} accepts no connection on port {port} from the control either.",
    ),
    Rule(
        "tls.fails_everywhere",
        _DOWN,
        c.tls_fails_everywhere,
        "{host} does not prove its identity to the control either ({problem}).",
    ),
    Rule(
        "http.fails_everywhere",
        _DOWN,
        c.http_fails_everywhere,
        "{host} gives no page to the control either ({problem}).",
    ),
    *greeting_rules.FAILS_EVERYWHERE,
    Rule("control.fails_too", _DOWN, k.control_fails_too, "The service does not work from the control either."),
    # What cannot be judged
    *host_rules.EXPLAINS_IT,
    Rule(
        "control.none",
        _INCONCLUSIVE,
        k.has_no_control,
        "{what_failed}, and no control vantage point could be asked whether it works elsewhere.",
    ),
    Rule(
        "control.disagrees",
        _INCONCLUSIVE,
        k.controls_disagree,
        "{what_failed}, and the control vantage points disagree about it among themselves.",
    ),
    Rule(
        "host.impatient",
        _INCONCLUSIVE,
        c.is_impatient_host,
        "{what_failed}, but this program was told to wait for less than a second, which proves nothing.",
    ),
    Rule(
        "host.passing_fault",
        _INCONCLUSIVE,
        e.works_again,
        "{what_failed} at first, and worked when it was tried again a little later: a fault that passed.",
    ),
    # The network is in the way, although it works from the control
    *interference_rules.NAME,
    *interference_rules.CONNECTION,
    *interference_rules.HANDSHAKE,
    *interference_rules.PAGE,
    # the first exchange in the target's own protocol
    *greeting_rules.INTERFERED,
    # What is left
    *network_rules.RELATED,
    Rule(
        "dns.unconfirmed_address",
        _INCONCLUSIVE,
        c.has_unconfirmed_address,
        "{host} is at other addresses here than at the control, and nothing shows whose they are.",
    ),
    Rule(
        "http.asks_for_a_human",
        _INCONCLUSIVE,
        c.http_asks_for_a_human,
        "A page that tests for humans came back over plain HTTP; who sent it cannot be told.",
    ),
    Rule(
        "http.unclear_page",
        _INCONCLUSIVE,
        c.http_is_unclear,
        "The page of {host} differs from the control's, but not enough to say that somebody else sent it.",
    ),
    Rule(
        "http.no_page",
        _INCONCLUSIVE,
        c.http_failed,
        "{what_failed}; this kind of failure alone does not tell who is at fault.",
    ),
    Rule("control.other_way", _INCONCLUSIVE, c.always, "{what_failed}, where the control did not pass."),
)
