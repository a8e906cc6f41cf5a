"""From an exception to a failure word: one table, by type and errno, never by the text of a message.

Law: only errors of the network are named here. An error of this machine (no descriptors, no memory) is raised as
`HostExhaustedError`, and a bug of ours is not caught at all: neither may ever be published as censorship.
"""

from __future__ import annotations

import errno
import ssl

from probe.failure import Failure


class ProtocolError(Exception):
    """What the other side sent is not the protocol that it was to speak, or goes beyond its bounds."""


BY_ERRNO: dict[int, Failure] = {
    errno.EAFNOSUPPORT: Failure.ADDRESS_FAMILY_NOT_SUPPORTED,
    errno.EADDRINUSE: Failure.ADDRESS_IN_USE,
    errno.EADDRNOTAVAIL: Failure.ADDRESS_NOT_AVAILABLE,
    errno.ECONNABORTED: Failure.CONNECTION_ABORTED,
    errno.ECONNREFUSED: Failure.CONNECTION_REFUSED,
    errno.ECONNRESET: Failure.CONNECTION_RESET,
    errno.EPIPE: Failure.CONNECTION_RESET,
    errno.EHOSTUNREACH: Failure.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Failure.HOST_UNREACHABLE,
    errno.EINVAL: Failure.INVALID_ARGUMENT,
    errno.EMSGSIZE: Failure.MESSAGE_SIZE,
    errno.ENETDOWN: Failure.NETWORK_DOWN,
    errno.ENETRESET: Failure.NETWORK_RESET,
    errno.ENETUNREACH: Failure.NETWORK_UNREACHABLE,
    errno.ENOTCONN: Failure.NOT_CONNECTED,
    errno.EACCES: Failure.PERMISSION_DENIED,
    errno.EPERM: Failure.PERMISSION_DENIED,
    errno.EPROTONOSUPPORT: Failure.PROTOCOL_NOT_SUPPORTED,
    errno.ETIMEDOUT: Failure.TIMED_OUT,
}
# What ICMP says about a connection arrives as these too.
BY_ERRNO |= {errno.EPROTO: Failure.HOST_UNREACHABLE, errno.ENOPROTOOPT: Failure.HOST_UNREACHABLE}

# This machine's own limits: never the network's doing.
# An address of one's own that is not available is a port: with no way to the other address, none is tried.
_HOST_ERRNOS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EAGAIN}
)

# Reasons of OpenSSL that say more than "the handshake failed".
BY_TLS_REASON: dict[str, Failure] = {
    "TLSV1_UNRECOGNIZED_NAME": Failure.SSL_INVALID_HOSTNAME,
    "TLSV1_ALERT_UNKNOWN_CA": Failure.SSL_UNKNOWN_AUTHORITY,
    "UNEXPECTED_EOF_WHILE_READING": Failure.EOF,
}

# In this order: the first type that fits names the failure.
BY_TYPE: tuple[tuple[type[BaseException], Failure], ...] = (
    (TimeoutError, Failure.GENERIC_TIMEOUT),
    (ssl.SSLEOFError, Failure.EOF),
    (ssl.SSLZeroReturnError, Failure.EOF),
    (ssl.SSLError, Failure.SSL_FAILED_HANDSHAKE),
    (EOFError, Failure.EOF),
    (ProtocolError, Failure.HTTP_REQUEST_FAILED),
)

NETWORK_ERRORS: tuple[type[BaseException], ...] = (OSError, EOFError, ProtocolError)
"""What a step may turn into a row; anything else is a bug and passes through."""

_LONGEST = 200


class HostExhaustedError(Exception):
    """This machine ran out of descriptors, memory or buffers: the measurement says nothing about the network."""


def failure_of(error: BaseException) -> Failure:
    """The word for a network error. Raises HostExhaustedError for an error that is this machine's own."""
    if isinstance(error, OSError) and error.errno in _HOST_ERRNOS and not isinstance(error, ssl.SSLError):
        raise HostExhaustedError(said(error)) from error
    if isinstance(error, ssl.SSLError) and (error.reason or "") in BY_TLS_REASON:
        return BY_TLS_REASON[error.reason]
    for kind, word in BY_TYPE:
        # A timeout of the kernel is a TimeoutError with an errno, and another thing than our own deadline.
        if isinstance(error, kind) and not (kind is TimeoutError and isinstance(error, OSError) and error.errno):
            return word
    if isinstance(error, OSError) and error.errno in BY_ERRNO:
        return BY_ERRNO[error.errno]
    return Failure.UNKNOWN


def said(error: BaseException) -> str | None:
    """What the system or library said of it, in at most 200 printable characters; None when it said nothing."""
    reason = getattr(error, "reason", None)
    text = reason if isinstance(error, ssl.SSLError) and isinstance(reason, str) else str(error)
    clean = "".join(c if c.isprintable() else " " for c in text).strip()
    return clean[:_LONGEST] or None
