"""The rules by which the network is in the way, although the target works from the control; in four groups, by layer.

Law: as `rules`, which has the groups in their places.
"""

from __future__ import annotations

from probe.classify import conditions as c
from probe.classify import experiments as e
from probe.classify import host as h
from probe.classify.rule import Rule
from probe.classify.speed import freezes_again
from probe.model import Confidence, Method, Outcome

_BLOCKED = Outcome.BLOCKED
_DNS, _TCP, _TLS, _HTTP = Method.DNS, Method.TCP, Method.TLS, Method.HTTP

NAME: tuple[Rule, ...] = (
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
)
"""What the resolver says is false, or it says nothing."""

CONNECTION: tuple[Rule, ...] = (
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
)
"""No connection is made, or it is broken off at once."""

HANDSHAKE: tuple[Rule, ...] = (
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
)
"""The connection is made, and TLS on it fails."""

PAGE: tuple[Rule, ...] = (
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
)
"""What is said on the connection is cut, or answered by somebody else."""
