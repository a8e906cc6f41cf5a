"""The rules, in the order in which they are asked: the first that holds decides the outcome.

Law: pure and total. A rule is a row: a stable code, when it holds, what follows, and a sentence for people.
Rules after the deciding one that hold with the same outcome add their method and their reason.
`docs/rules.md` is written from this table. A change here raises RULES_VERSION and touches no recorded fact.
"""

from __future__ import annotations

from probe.classify import conditions as c
from probe.classify import controls as k
from probe.classify import experiments as e
from probe.classify import greeting_rules, host_rules, known, network_rules
from probe.classify import host as h
from probe.classify.rule import Rule
from probe.classify.speed import freezes_again, slow_by_name
from probe.model import Confidence, Method, Outcome

RULES_VERSION = "1"

_OK, _BLOCKED, _DOWN = Outcome.OK, Outcome.BLOCKED, Outcome.DOWN
_REFUSED, _INCONCLUSIVE = Outcome.REFUSED, Outcome.INCONCLUSIVE
_DNS, _TCP, _TLS, _HTTP = Method.DNS, Method.TCP, Method.TLS, Method.HTTP

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
    # The network is in the way, although it works from the control: the name
    Rule(
        "dns.answered_by_nobody",
        _BLOCKED,
        e.dns_answered_by_nobody,
        "A question for {host} was sent to an address where no resolver is, and was answered all the same."
        " Somebody on the way answers in the resolver's place.",
        _DNS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "dns.true_over_tcp",
        _BLOCKED,
        e.dns_true_over_tcp,
        "Asked over TCP, the resolver tells where {host} is; asked the usual way, a false answer comes."
        " Somebody on the way answers in the resolver's place.",
        _DNS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "dns.true_over_tls",
        _BLOCKED,
        e.dns_true_over_tls,
        "Asked over TLS, where nobody can read along, the resolver tells where {host} is; asked the usual way, a false"
        " answer comes. Somebody on the way answers in the resolver's place.",
        _DNS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "dns.true_elsewhere",
        _BLOCKED,
        e.dns_true_elsewhere,
        "Another resolver, asked from here over HTTPS, tells where {host} is, as the control's does;"
        " this network's resolver gives a false answer.",
        _DNS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "dns.true_address_works",
        _BLOCKED,
        e.dns_true_address_works,
        "The resolver hides where {host} is. At the address that the control was given it answers from here too,"
        " and proves with its certificate that it is the service.",
        _DNS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "dns.injected",
        _BLOCKED,
        c.dns_injected,
        "Two different answers came to one question for {host}: first a false one, then the one the control gets."
        " Somebody on the way answers in the resolver's place.",
        _DNS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "dns.bogon",
        _BLOCKED,
        c.dns_bogon,
        "The resolver says that {host} is at {addresses}, where no public service can be;"
        " the control gets real addresses.",
        _DNS,
    ),
    Rule(
        "dns.wrong_address",
        _BLOCKED,
        c.dns_wrong_address,
        "The resolver sends {host} to {addresses}, which no control is given and where the service does not answer"
        " even the control.",
        _DNS,
    ),
    Rule(
        "dns.rewritten",
        _BLOCKED,
        h.dns_rewritten,
        "The resolver treats {host} as a name that does not exist, and gives the address that it gives for any such"
        " name; it does exist.",
        _DNS,
        Confidence.LIKELY,
    ),
    Rule("dns.nxdomain", _BLOCKED, c.dns_nxdomain, "The resolver says that {host} does not exist; it does.", _DNS),
    Rule(
        "dns.no_answer",
        _BLOCKED,
        c.dns_no_answer,
        "The resolver says that {host} has no address; the control gets one.",
        _DNS,
    ),
    Rule(
        "dns.refused",
        _BLOCKED,
        c.dns_refused,
        "The resolver refuses to answer for {host}; it answers the control's resolver's question without trouble.",
        _DNS,
    ),
    Rule(
        "dns.servfail",
        _BLOCKED,
        c.dns_servfail,
        "The resolver fails for {host}; the control's resolver has the answer.",
        _DNS,
    ),
    Rule(
        "dns.timeout",
        _BLOCKED,
        c.dns_timeout,
        "Questions for {host} get no answer, although the resolver answers others; the control gets one.",
        _DNS,
    ),
    Rule(
        "dns.garbled",
        _BLOCKED,
        c.dns_garbled,
        "The answer for {host} is no proper answer; the control gets one.",
        _DNS,
    ),
    # the connection
    Rule(
        "tcp.port_is_the_trigger",
        _BLOCKED,
        e.tcp_port_is_the_trigger,
        "Another port of the same address of {host} can be connected to from here; port {port} alone cannot.",
        _TCP,
    ),
    Rule(
        "tcp.timeout",
        _BLOCKED,
        c.tcp_timeout,
        "Connections to {host} (port {port}) get no answer here; the control connects to the same address.",
        _TCP,
    ),
    Rule(
        "tcp.reset",
        _BLOCKED,
        c.tcp_reset,
        "Connections to {host} (port {port}) are cut while they are being made;"
        " the control connects to the same address.",
        _TCP,
    ),
    Rule(
        "tcp.refused",
        _BLOCKED,
        c.tcp_refused,
        "Connections to {host} (port {port}) are refused here; the control connects to the same address.",
        _TCP,
    ),
    Rule(
        "tcp.unreachable",
        _BLOCKED,
        c.tcp_unreachable,
        "The network says that {host} cannot be reached; the control connects to the same address.",
        _TCP,
    ),
    Rule(
        "tcp.fails_at_true_address",
        _BLOCKED,
        e.tcp_fails_at_true_address,
        "No connection can be made from here to the address of {host} that the control was given and connects to.",
        _TCP,
    ),
    # the handshake
    Rule(
        "tls.name_is_the_trigger",
        _BLOCKED,
        e.tls_name_is_the_trigger,
        "The connection to {host} is broken off when its name is sent; the same address answers to another name."
        " So it is the name that is blocked.",
        _TLS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "tls.name_cut_elsewhere",
        _BLOCKED,
        e.tls_name_cut_elsewhere,
        "A connection to the control's own address is broken off as well when {host} is named in it, and is not under"
        " another name. So it is the name that is blocked, wherever it is sent.",
        _TLS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "tls.split_name_passes",
        _BLOCKED,
        e.tls_split_name_passes,
        "The very same handshake with {host} goes through when its name is sent in two pieces."
        " Somebody on the way reads the names.",
        _TLS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "tls.intercepted",
        _BLOCKED,
        e.tls_intercepted,
        "Somebody sits between here and {host}: at the service's own address another certificate is shown,"
        " from an authority that nobody knows, while the control sees the true one.",
        _TLS,
        Confidence.CONFIRMED,
    ),
    Rule(
        "tls.reset_after_client_hello",
        _BLOCKED,
        c.tls_reset,
        "The connection to {host} is cut right after the name was sent in the clear;"
        " the control shakes hands with the same service.",
        _TLS,
    ),
    Rule(
        "tls.timeout_after_client_hello",
        _BLOCKED,
        c.tls_timeout,
        "Nothing comes back from {host} once the name was sent in the clear;"
        " the control shakes hands with the same service.",
        _TLS,
    ),
    Rule(
        "tls.eof_after_client_hello",
        _BLOCKED,
        c.tls_eof,
        "The connection to {host} is closed right after the name was sent in the clear;"
        " the control shakes hands with the same service.",
        _TLS,
    ),
    Rule(
        "tls.untrusted_certificate",
        _BLOCKED,
        c.tls_untrusted,
        "Somebody answers in the place of {host} with a certificate that is not the service's ({problem});"
        " the control sees a good one at the same address.",
        _TLS,
    ),
    Rule(
        "tls.broken_handshake",
        _BLOCKED,
        c.tls_broken,
        "What answers for {host} here does not speak TLS properly; the control shakes hands with the same service.",
        _TLS,
    ),
    Rule(
        "tls.fails_at_true_address",
        _BLOCKED,
        e.tls_fails_at_true_address,
        "At the address of {host} that the control was given, the connection is broken off from here"
        " once the name was sent.",
        _TLS,
    ),
    # the page
    Rule(
        "http.name_is_the_trigger",
        _BLOCKED,
        e.http_name_is_the_trigger,
        "The connection to {host} is broken off when its page is asked for by name; the same address answers"
        " to another name. So it is the name that is blocked.",
        _HTTP,
        Confidence.CONFIRMED,
    ),
    Rule(
        "http.name_cut_elsewhere",
        _BLOCKED,
        e.http_name_cut_elsewhere,
        "A connection to the control's own address is broken off as well when {host} is named in it, and is not under"
        " another name. So it is the name that is blocked, wherever it is sent.",
        _HTTP,
        Confidence.CONFIRMED,
    ),
    Rule(
        "http.split_name_passes",
        _BLOCKED,
        e.http_split_name_passes,
        "The very same request to {host} is answered when its name is sent in two pieces."
        " Somebody on the way reads the names.",
        _HTTP,
        Confidence.CONFIRMED,
    ),
    Rule(
        "http.fails_at_true_address",
        _BLOCKED,
        e.http_fails_at_true_address,
        "At the address of {host} that the control was given, the connection is broken off from here"
        " once the page was asked for.",
        _HTTP,
    ),
    Rule(
        "throttling.freezes",
        _BLOCKED,
        freezes_again,
        "The page of {host} begins to come and then stops dead, every time; the control gets all of it.",
        Method.THROTTLING,
        Confidence.LIKELY,
    ),
    Rule(
        "http.reset",
        _BLOCKED,
        c.http_reset,
        "The connection to {host} is cut once the page was asked for; the control gets the page.",
        _HTTP,
    ),
    Rule(
        "http.timeout",
        _BLOCKED,
        c.http_timeout,
        "Nothing comes back once the page of {host} was asked for; the control gets the page.",
        _HTTP,
    ),
    Rule(
        "http.eof",
        _BLOCKED,
        c.http_eof,
        "The connection to {host} is closed once the page was asked for; the control gets the page.",
        _HTTP,
    ),
    Rule(
        "http.redirect_elsewhere",
        _BLOCKED,
        c.http_redirected_elsewhere,
        "Over plain HTTP, {target_host} sends visitors here to {elsewhere}; the control is sent nowhere of the kind.",
        _HTTP,
    ),
    Rule(
        "http.other_page",
        _BLOCKED,
        c.http_other_page,
        "Over plain HTTP, another page comes back for {host} than the one the control is given.",
        _HTTP,
    ),
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
