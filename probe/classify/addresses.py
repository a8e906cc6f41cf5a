"""Which addresses are in the rows.

Law: pure; rows in, addresses out.
"""

from __future__ import annotations

from collections.abc import Iterable

from probe.model import DnsDetail, GreetingDetail, Observation, TcpDetail, TlsDetail


def addresses_of(rows: Iterable[Observation]) -> frozenset[str]:
    """The addresses in DNS answers."""
    return frozenset(
        record.value
        for row in rows
        if isinstance(row.detail, DnsDetail)
        for record in row.detail.answers
        if record.type == row.detail.query_type
    )


def addresses_in(rows: Iterable[Observation]) -> frozenset[str]:
    """The addresses of TCP, TLS or greeting rows."""
    kinds = TcpDetail | TlsDetail | GreetingDetail
    return frozenset(row.detail.address for row in rows if isinstance(row.detail, kinds))


def addresses_where_good(rows: Iterable[Observation]) -> frozenset[str]:
    """The addresses of TCP or TLS rows without a failure."""
    return addresses_in(row for row in rows if row.failure is None)
