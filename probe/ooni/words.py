"""OONI's words for failures, read as ours: the present ones are the same, the older ones are in a table.

Law: pure. No word is lost: one that is not ours stays as it was written, in the observation's `error`.
"""

from __future__ import annotations

from collections.abc import Mapping

from probe.failure import Failure

_LONGEST = 200
_PREFIX = "unknown_failure:"

# Words that are not of our vocabulary: those of older clients, of the test helper, and those about one's own machine.
OTHER_WORDS: Mapping[str, Failure] = {
    # the name
    "dns_bogon_error": Failure.DNS_SERVER_MISBEHAVING,
    "dns_lookup_error": Failure.DNS_SERVER_MISBEHAVING,
    "dns_name_error": Failure.DNS_NXDOMAIN,
    "dns_non_recoverable_failure": Failure.DNS_SERVER_MISBEHAVING,
    "dns_reply_with_wrong_query_id": Failure.DNS_SERVER_MISBEHAVING,
    "dns_server_failure": Failure.DNS_SERVFAIL,
    "dns_temporary_failure": Failure.DNS_SERVFAIL,
    # the connection
    "connection_lost_error": Failure.CONNECTION_RESET,
    "connection_refused_error": Failure.CONNECTION_REFUSED,
    "connection_reset_error": Failure.CONNECTION_RESET,
    "deferred_timeout_error": Failure.GENERIC_TIMEOUT,
    "host_unreachable_error": Failure.HOST_UNREACHABLE,
    "no_route_to_host": Failure.HOST_UNREACHABLE,
    "no_route_to_host_error": Failure.HOST_UNREACHABLE,
    "network_unreachable_error": Failure.NETWORK_UNREACHABLE,
    "task_timed_out": Failure.GENERIC_TIMEOUT,
    "tcp_timed_out_error": Failure.GENERIC_TIMEOUT,
    # the page
    "http_unexpected_redirect_url": Failure.HTTP_REQUEST_FAILED,
    "http_unexpected_status_code": Failure.HTTP_REQUEST_FAILED,
    "json_parse_error": Failure.HTTP_REQUEST_FAILED,
    "response_never_received": Failure.HTTP_REQUEST_FAILED,
    "ssl_error": Failure.SSL_FAILED_HANDSHAKE,
    # the measuring machine broke it off: never the network's doing
    "already_connected": Failure.INTERRUPTED,
    "bad_address": Failure.INTERRUPTED,
    "bad_file_descriptor": Failure.INTERRUPTED,
    "connection_already_closed": Failure.INTERRUPTED,
    "connection_already_in_progress": Failure.INTERRUPTED,
    "not_a_socket": Failure.INTERRUPTED,
    "operation_would_block": Failure.INTERRUPTED,
}
_OURS = frozenset(Failure)


def failure_of(word: str | None) -> tuple[Failure | None, str | None]:
    """The failure that a word of OONI's means, and what to keep of the text where it says more than the failure."""
    if not word:
        return None, None
    if word in _OURS:
        return Failure(word), None
    if word.startswith(_PREFIX):
        return Failure.UNKNOWN, printable(word.removeprefix(_PREFIX))
    return OTHER_WORDS.get(word, Failure.UNKNOWN), printable(word)


def printable(text: str) -> str | None:
    """At most 200 characters that can be shown."""
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST]).strip() or None
