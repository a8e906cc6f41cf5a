"""The rules about greetings, at their places in the table (`rules.py`)."""

from __future__ import annotations

from probe.classify import greetings as g
from probe.classify.rule import Rule
from probe.model import Confidence, Method, Outcome

ANSWERED: tuple[Rule, ...] = (
    Rule(
        "app.refused",
        Outcome.REFUSED,
        g.refused,
        "{host} itself, proven by its certificate, gives no answer in {protocol} here, but does at the control:"
        " the service turns this network or country away.",
    ),
    Rule("app.answered", Outcome.OK, g.answered, "{host} answered in its own protocol ({protocol})."),
)

FAILS_EVERYWHERE: tuple[Rule, ...] = (
    Rule(
        "app.fails_everywhere",
        Outcome.DOWN,
        g.fails_everywhere,
        "{host} gives no answer in {protocol} to the control either.",
    ),
)

_AT_THE_CONTROL = "the control gets its answer from the same address."

# A server that hangs up inside TLS may well mean it, and one that says another thing in clear may be itself.
INTERFERED: tuple[Rule, ...] = (
    Rule(
        "app.reset",
        Outcome.BLOCKED,
        g.reset,
        f"The exchange with {{host}} (port {{port}}) is cut once its first bytes ({{protocol}}) were sent;"
        f" {_AT_THE_CONTROL}",
        Method.TCP,
    ),
    Rule(
        "app.timeout",
        Outcome.BLOCKED,
        g.timeout,
        f"Nothing comes back from {{host}} (port {{port}}) once the first bytes ({{protocol}}) were sent;"
        f" {_AT_THE_CONTROL}",
        Method.TCP,
    ),
    Rule(
        "app.eof",
        Outcome.BLOCKED,
        g.eof,
        f"The exchange with {{host}} (port {{port}}) is ended once its first bytes ({{protocol}}) were sent;"
        f" {_AT_THE_CONTROL}",
        Method.TCP,
    ),
    Rule(
        "app.rejected",
        Outcome.BLOCKED,
        g.rejected,
        f"To the first bytes ({{protocol}}) the network says that {{host}} (port {{port}}) cannot be reached;"
        f" {_AT_THE_CONTROL}",
        Method.TCP,
    ),
    Rule(
        "app.other_answer",
        Outcome.BLOCKED,
        g.other_answer,
        f"What answers at the address of {{host}} (port {{port}}) does not speak {{protocol}}; {_AT_THE_CONTROL}",
        Method.TCP,
        Confidence.POSSIBLE,
    ),
    Rule(
        "app.reset_inside_tls",
        Outcome.BLOCKED,
        g.reset_inside_tls,
        f"The secure connection to {{host}} is cut once the first bytes ({{protocol}}) were sent in it;"
        f" {_AT_THE_CONTROL}",
        Method.TLS,
    ),
    Rule(
        "app.timeout_inside_tls",
        Outcome.BLOCKED,
        g.timeout_inside_tls,
        f"Nothing comes back over the secure connection to {{host}} once the first bytes ({{protocol}}) were sent in"
        f" it; {_AT_THE_CONTROL}",
        Method.TLS,
    ),
    Rule(
        "app.eof_inside_tls",
        Outcome.BLOCKED,
        g.eof_inside_tls,
        f"The secure connection to {{host}} is ended once the first bytes ({{protocol}}) were sent in it;"
        f" {_AT_THE_CONTROL}",
        Method.TLS,
        Confidence.POSSIBLE,
    ),
)
