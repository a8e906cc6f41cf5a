"""The manual page probe(1), written from the command line's own table.

Law: nothing is said here that `--help` says already; what it does not say (outcomes, statuses, files) is below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import typer

from probe.cli.main import app

STATUSES = {
    "0": "every target is ok",
    "1": "the program itself failed",
    "2": "the command line is wrong",
    "3": "at least one target is blocked",
    "4": "none is blocked, at least one is not ok; of doctor: something is in the way",
    "5": "bad configuration, target list or database; for a scheduled run also: no consent",
    "75": "this machine has no network, or for a scheduled run none that it may use (VPN, metered line)",
    "130": "stopped by SIGINT; what was measured is saved",
    "143": "stopped by SIGTERM; what was measured is saved",
}
_OUTCOMES = {
    "ok": "the service answered, as itself",
    "blocked": "the network between here and the service interferes; method and confidence say how, and how sure it is",
    "down": "the service does not work from the control either",
    "refused": "the service itself, proven by its certificate, turns this network or country away",
    "inconclusive": "the evidence allows none of these; the reason says what is missing",
}
_ENVIRONMENT = {
    "PROBE_*": "Settings, by the names that stand beside the options. An option wins over its variable, a variable over"
    " the configuration.",
    "PROBE_VANTAGE_NAME, PROBE_VANTAGE_COUNTRY, PROBE_VANTAGE_ASN, PROBE_VANTAGE_NETWORK": "Where this machine stands.",
    "SSL_CERT_FILE": "The trusted roots, in place of the system's.",
    "STATE_DIRECTORY": "The folder of database and consent, as systemd sets it for its services.",
    "XDG_CONFIG_HOME, XDG_DATA_HOME": "Your own folders for configuration and data.",
}
_FILES = {
    "$XDG_CONFIG_HOME/probe/probe.toml, /etc/probe/probe.toml": "The configuration: the first of them that is there.",
    "$XDG_DATA_HOME/probe/probe.sqlite": "What you measured.",
    "/var/lib/probe/probe.sqlite": "What the system's service measured.",
    "/var/lib/probe/consent.json": "That the owner of this machine agreed to scheduled runs.",
}
_DESCRIPTION = """
probe measures whether messaging services can be reached from here, keeps every observation in a database, and concludes
from them who is in the way where one cannot. What fails here is compared with what a control vantage point sees at the
same time: without one, most failures are inconclusive.
"""


def verbs() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Every verb with its words, such as `db stats`, in the order of `--help`."""
    for name, command in typer.main.get_command(app).commands.items():
        inner: Mapping[str, typer.core.TyperCommand] | None = getattr(command, "commands", None)
        yield from ((f"{name} {word}", each) for word, each in inner.items()) if inner else ((name, command),)


def manual() -> Iterator[str]:
    """The lines of the page, for man(7)."""
    yield '.\\" Written by the program: make docs'
    yield '.TH PROBE 1 "" "probe" "User Commands"'
    yield ".SH NAME"
    yield "probe \\- tells, with evidence, whether messaging services are reachable, and who is in the way"
    yield ".SH SYNOPSIS"
    for name, command in verbs():
        yield ".br"
        yield f".B probe {_text(name)}"
        yield _text(" ".join(_usage(name, command)))
    yield ".SH DESCRIPTION"
    yield from map(_text, _DESCRIPTION.strip().splitlines())
    yield ".SH OUTCOMES"
    yield from _list(_OUTCOMES)
    yield ".SH VERBS"
    for name, command in verbs():
        yield f".SS {_text(name)}"
        yield _text(" ".join((command.help or "").split()))
        yield from _list(dict(_options(name, command)))
    yield ".SH EXIT STATUS"
    yield "Of check and run, and as far as they fit of all verbs:"
    yield from _list(STATUSES)
    yield ".SH ENVIRONMENT"
    yield from _list(_ENVIRONMENT)
    yield "Proxies are never used."
    yield ".SH FILES"
    yield from _list(_FILES)
    yield ".SH SEE ALSO"
    yield ".BR systemd.timer (5),"
    yield ".BR datasette (1)"


def _usage(name: str, command: typer.core.TyperCommand) -> list[str]:
    with command.make_context(name, [], resilient_parsing=True) as context:
        return command.collect_usage_pieces(context)


def _options(name: str, command: typer.core.TyperCommand) -> Iterator[tuple[str, str]]:
    with command.make_context(name, [], resilient_parsing=True) as context:
        records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    yield from (record for record in records if record and "--help" not in record[0])


def _list(meanings: Mapping[str, str]) -> Iterator[str]:
    for name, meaning in meanings.items():
        yield ".TP"
        yield f".B {_text(name)}"
        yield _text(meaning)
    yield ".PP"


def _text(text: str) -> str:
    """As man(7) reads it back: no request, no escape, hyphens that can be copied."""
    escaped = re.sub(r"\s+", " ", text).replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
