"""The conditions of the rules that rest on whose network an address is in (`networks.py`).

Law: pure. They let an address pass, and never make a block.
"""

from __future__ import annotations

from collections.abc import Callable

from probe.classify import conditions as c
from probe.classify.addresses import addresses_of
from probe.classify.facts import Case
from probe.classify.networks import SHARED
from probe.classify.path import Evidence
from probe.model import Scheme


def is_in_same_network(case: Case) -> Evidence | None:
    """Nothing but the network speaks for the address, and it is one in which not everybody can be."""
    return _is_related(case, lambda asn: asn not in SHARED)


def is_in_same_shared_network(case: Case) -> Evidence | None:
    """In a network where everybody can be, the port must answer as well: a name alone is not enough."""
    return _is_related(case, lambda asn: True) if c.scheme_of(case) is Scheme.TCP else None


def _is_related(case: Case, counts: Callable[[int], bool]) -> Evidence | None:
    hop = case.end
    known = {address for address, record in case.related.items() if record.asn and counts(record.asn)}
    rivals = addresses_of(hop.second_answers) - known
    enough = bool(hop.connected & known) if c.scheme_of(case) is Scheme.TCP else bool(known) and hop.public <= known
    return c.has_unconfirmed_address(case) if enough and not rivals else None
