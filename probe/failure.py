"""The closed vocabulary of failures: one word for each way a network operation can fail.

The spelling is that of OONI's data format df-007, so that datasets join without a mapping.
Success is `None`, never a word. A failure is a fact about one operation; it judges nothing.
"""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """Why one network operation did not succeed (source: OONI df-007)."""

    # from the kernel, by errno
    ADDRESS_FAMILY_NOT_SUPPORTED = "address_family_not_supported"
    ADDRESS_IN_USE = "address_in_use"
    ADDRESS_NOT_AVAILABLE = "address_not_available"
    CONNECTION_ABORTED = "connection_aborted"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    HOST_UNREACHABLE = "host_unreachable"
    INTERRUPTED = "interrupted"
    INVALID_ARGUMENT = "invalid_argument"
    MESSAGE_SIZE = "message_size"
    NETWORK_DOWN = "network_down"
    NETWORK_RESET = "network_reset"
    NETWORK_UNREACHABLE = "network_unreachable"
    NO_BUFFER_SPACE = "no_buffer_space"
    NOT_CONNECTED = "not_connected"
    PERMISSION_DENIED = "permission_denied"
    PROTOCOL_NOT_SUPPORTED = "protocol_not_supported"
    TIMED_OUT = "timed_out"
    # from our own deadline, or the stream's end
    GENERIC_TIMEOUT = "generic_timeout_error"
    EOF = "eof_error"
    # from a resolver's answer
    DNS_NXDOMAIN = "dns_nxdomain_error"
    DNS_NO_ANSWER = "dns_no_answer"
    DNS_REFUSED = "dns_refused_error"
    DNS_SERVFAIL = "dns_servfail_error"
    DNS_SERVER_MISBEHAVING = "dns_server_misbehaving"
    # from the handshake, or from verifying the certificate it brought
    SSL_FAILED_HANDSHAKE = "ssl_failed_handshake"
    SSL_INVALID_CERTIFICATE = "ssl_invalid_certificate"
    SSL_INVALID_HOSTNAME = "ssl_invalid_hostname"
    SSL_UNKNOWN_AUTHORITY = "ssl_unknown_authority"
    # from the QUIC handshake
    QUIC_INCOMPATIBLE_VERSION = "quic_incompatible_version"
    # from the HTTP exchange
    HTTP_INVALID_REDIRECT = "http_invalid_redirect_location_host"
    HTTP_REQUEST_FAILED = "http_request_failed"
    # everything else; the observation's `error` says what it was
    UNKNOWN = "unknown_failure"
