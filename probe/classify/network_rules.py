"""The rules about whose network an address is in, at their place in the table (`rules.py`)."""

from __future__ import annotations

from probe.classify import related
from probe.classify.rule import Rule
from probe.model import Outcome

RELATED: tuple[Rule, ...] = (
    Rule(
        "dns.same_network",
        Outcome.OK,
        related.is_in_same_network,
        "{host} is at other addresses here than at the control, but in the same network ({network}).",
    ),
    Rule(
        "dns.same_shared_network",
        Outcome.OK,
        related.is_in_same_shared_network,
        "{host} is at other addresses here than at the control, but in the same network ({network}), and answers on"
        " port {port}. Many services share that network, so this proves less than if it were the service's own.",
    ),
)
