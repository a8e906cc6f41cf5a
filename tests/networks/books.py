"""Small databases of networks, as their publishers write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

# Whose networks the lab's addresses are in. The client and the control are in networks of their own.
LAB: Mapping[str, tuple[int, str, str]] = {
    "192.31.196.0/25": (64500, "Example Messaging", "JP"),
    "192.31.196.128/25": (64501, "Example Hosting", "NL"),
    "192.175.48.0/24": (64502, "Provider", "RU"),
    "192.52.193.0/26": (64503, "Last Mile", "RU"),
    "2620:4f:8000:100::/56": (64500, "Example Messaging", "JP"),
}


def write(path: Path, entries: Mapping[str, Any], kind: str = "Lab-Networks", version: int = 6) -> Path:
    """A database with these entries."""
    writer = MMDBWriter(ip_version=version, database_type=kind, ipv4_compatible=version == 6)
    for network, record in entries.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def asn(path: Path) -> Path:
    """The lab's networks as MaxMind and DB-IP write them."""
    entries = {
        network: {"autonomous_system_number": number, "autonomous_system_organization": name}
        for network, (number, name, _) in LAB.items()
    }
    return write(path, entries, "GeoLite2-ASN")


def country(path: Path) -> Path:
    """The lab's countries as MaxMind and DB-IP write them."""
    entries = {network: {"country": {"iso_code": code}} for network, (_, _, code) in LAB.items()}
    return write(path, entries, "GeoLite2-Country")
