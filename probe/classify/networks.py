"""Whose network the addresses are in, as the rows say it, and which networks say little.

Law: pure. To be in the service's own network speaks for an address; nothing here ever speaks against one. A network
that anybody can rent an address in says less: a filter's host may well be in the cloud where the service is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from probe.model import DnsDetail, DnsRecord, Observation

# Clouds and content networks in which many services have addresses, by the names of the ASN registries.
SHARED: Mapping[int, str] = {
    8075: "Microsoft",
    12876: "Scaleway",
    13335: "Cloudflare",
    14061: "DigitalOcean",
    14618: "Amazon",
    15169: "Google",
    16276: "OVH",
    16509: "Amazon",
    16625: "Akamai",
    20473: "Vultr",
    20940: "Akamai",
    24940: "Hetzner",
    31898: "Oracle",
    36351: "IBM Cloud",
    37963: "Alibaba Cloud",
    45090: "Tencent Cloud",
    45102: "Alibaba Cloud",
    51167: "Contabo",
    54113: "Fastly",
    60068: "Datacamp",
    60781: "Leaseweb",
    63949: "Akamai (Linode)",
    132203: "Tencent Cloud",
    199524: "Gcore",
    212238: "Datacamp",
    396982: "Google Cloud",
}


def records_of(rows: Iterable[Observation]) -> dict[str, DnsRecord]:
    """The record of each address in DNS answers whose network is known."""
    return {
        record.value: record
        for row in rows
        if isinstance(row.detail, DnsDetail)
        for record in row.detail.answers
        if record.type == row.detail.query_type and record.asn
    }


def asns_of(rows: Iterable[Observation], addresses: Iterable[str]) -> frozenset[int]:
    """The ASNs of those of the addresses whose network is known."""
    records = records_of(rows)
    return frozenset(asn for address in addresses if address in records and (asn := records[address].asn))
