"""Writes the pages of docs/ that the program knows best: rules, fingerprints, command line, data, services,
the manual page.

python docs/write.py            writes them, and the picture of `make demo` in the README
python docs/write.py --check    ends with 1, naming them, where one is not as the program would write it
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from docs.manual import manual, verbs
from probe.classify import NOTES, RULES, RULES_VERSION, STORE_PROBLEMS, STORE_RULES, STORE_RULES_VERSION, Fingerprint
from probe.classify.fingerprint_files import KEYS, SIGNS
from probe.classify.fingerprint_files import shipped as shipped_fingerprints
from probe.classify.fingerprints import Scope, Weight
from probe.failure import Failure
from probe.model import DETAILS, Host, Outcome, Service
from probe.store.meanings import field_meanings, meaning
from probe.store.schema import TABLES
from probe.targets import shipped

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def rules() -> Iterator[str]:
    yield f"# Rules, version {RULES_VERSION}"
    yield ""
    yield "Written by the program from the table in `probe/classify/rules.py`."
    yield ""
    yield "The rules are asked in this order, over the observations of a measurement and those of its controls. The"
    yield "first that holds decides the outcome; further `blocked` rules that hold add their method and their reason."
    yield "A reason's code is stable. Where no confidence is given, a failure that was seen twice gives `likely`, once"
    yield "`possible`. With no control, only rules down to `control.none` can hold."
    yield ""
    yield "| code | outcome | method | confidence | what is said |"
    yield "|---|---|---|---|---|"
    for rule in RULES:
        cells = (f"`{rule.code}`", rule.outcome.value, rule.method or "", rule.confidence or "", rule.text)
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "## Notes"
    yield "What is told after the reasons of a verdict, from `probe/classify/notes.py`. A note never decides."
    yield ""
    yield "| code | beside | what is said |"
    yield "|---|---|---|"
    for note in NOTES:
        beside = ", ".join(outcome for outcome in Outcome if outcome in note.outcomes)
        yield f"| `{note.code}` | {beside} | {note.text} |"
    yield ""
    yield f"## App stores, version {STORE_RULES_VERSION}"
    yield "What follows for an app in a country, from `probe/classify/stores.py`: no verdict, and no part of one"
    yield "([stores.md](stores.md)). The first that holds decides."
    yield ""
    yield "| code | listing | what is said |"
    yield "|---|---|---|"
    for each in STORE_RULES:
        yield f"| `{each.code}` | {each.listing} | {each.text} |"
    yield ""
    yield "Why an answer is not read, where it is not a rule above that kept it from coming through:"
    yield ""
    yield "| code | what is said |"
    yield "|---|---|"
    for code, text in STORE_PROBLEMS.items():
        yield f"| `{code}` | {text} |"


def cli() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield "Written by the program: what each verb's `--help` says."
    yield ""
    yield "Exit status of `check` and `run`: 0 every target ok; 3 at least one blocked; 4 none blocked, at least one"
    yield "not ok; 2 usage; 5 bad configuration, target list or database, and for a scheduled run no consent; 75 this"
    yield "machine has no network or lost it on the way, or for a scheduled run none but a VPN, or another such run"
    yield "goes on; 1 the program itself failed; 130 and 143 stopped by SIGINT and SIGTERM, what was measured is saved."
    yield "Of `doctor`: 0 this machine can measure well, 4 something is in the way, 75 it has no network."
    for verb in ("", *(name for name, _ in verbs())):
        yield ""
        yield f"## `{' '.join(['probe', verb]).strip()}`"
        yield "```"
        yield _help(verb.split())
        yield "```"


def _help(verb: list[str]) -> str:
    wide = {**os.environ, "COLUMNS": "110", "TERM": "dumb"}
    clean = {name: value for name, value in wide.items() if not name.startswith("PROBE_")}
    done = subprocess.run(  # noqa: S603 - our own program
        [str(Path(sys.executable).parent / "probe"), *verb, "--help"],
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip()


_KINDS = {str: "text", int: "integer", float: "real", tuple: "JSON text", bytes: "blob", bool: "0 or 1"}


def data_dictionary() -> Iterator[str]:
    meanings = field_meanings("host.py")
    yield "# Data dictionary"
    yield ""
    yield "Written by the program from its schema and model. Times are UTC, ISO 8601 with `Z`; durations are seconds;"
    yield "lists are JSON; an absent value is NULL. `docs/ontology.md` defines the words. The views `v_latest` (the"
    yield "newest verdict for each target and vantage point) and `v_service` (counts of them for each service, and what"
    yield "was concluded of it in the newest run that measured it whole) show these columns."
    for name, table in TABLES.items():
        yield ""
        yield f"## `{name}`"
        yield "| column | type | meaning |"
        yield "|---|---|---|"
        for column, kind in table.columns.items():
            null = ", or NULL" if column in table.nullable else ""
            yield f"| `{column}` | {_KINDS.get(kind, 'text')}{null} | {meaning(name, column)} |"
    yield ""
    yield "## Fields of `run.host`"
    yield "A JSON object. What is null was not found out."
    yield ""
    yield "| field | meaning |"
    yield "|---|---|"
    for name in Host.__dataclass_fields__:
        yield f"| `{name}` | {meanings[f'Host.{name}']} |"
    yield ""
    yield "## Failure words"
    yield "The spelling of OONI's df-007."
    yield ""
    yield ", ".join(f"`{word}`" for word in Failure)
    yield ""
    yield "## Columns of each step"
    for step, detail in DETAILS.items():
        yield f"- `{step}`: " + ", ".join(f"`{name}`" for name in detail.__dataclass_fields__)


_FINGERPRINTS = f"""
# Fingerprints

Written by the program from `probe/classify/fingerprints.toml`.

A fingerprint is one party that blocks, with the signs that give it away: the address where blocked names are said to
be, the page that is shown in place of theirs, the host that visitors are sent to, the certificate of a filter. Four
rules rest on them: `dns.known_block_address`, `dns.leads_to_known_blocker`, `tls.known_filter_certificate` and
`http.known_block_page` ([rules](rules.md)). What they say is `blocked` and `confirmed`, with a control or without one.
They say nothing where
- a control is given the same address, page, certificate, or anything else of the same fingerprint;
- a certificate proves the service at that address, or the page is the one that a control gets;
- the name is one of the blocker's own hosts, or a host of the same site.

Pages are looked at in clear only: over TLS with a good certificate, a page is the service's own doing. Where a body is
not kept any more, its title, headers and outline still count; a verdict that rested on the body alone is then made
without it.

`probe fingerprints list` shows them, `probe fingerprints test FILE` says which are in a saved page, an HTTP response,
or lines of `--json`, and ends with 3 where there is one.

## A file of your own
`--fingerprints FILE` adds to the shipped ones, on every verb that makes verdicts; so do `PROBE_FINGERPRINTS` and
`fingerprints = ["FILE"]` in the configuration. The verdicts then name another version of the rules, such as
`{RULES_VERSION}+5f0c2a91`, since others would come to other conclusions. A file that is wrong in any place is not used,
and every fault of it is told.

```toml
[[fingerprint]]
id = "our-village"
country = "ZZ"
network = "Village Net"
scope = "isp"
weight = "proof"
since = "2026-11"
source = "seen at home on 24 November 2026"
hosts = ["blocked.example.net"]
addresses = ["192.0.2.7", "192.0.2.64/26"]
bodies = ["counter.example.net/watch/17*blocked"]
```
"""
_PATTERNS = """
At least one of {signs} must be there. In `headers`, `bodies` and `issuers` a `*` stands for anything, or nothing; cases
and the number of blanks do not matter. There are no other patterns: what a hostile server sends is looked through once,
and no more than its first 64 KiB.

Before something is called a `proof`, ask: could an article about blocking have it, a forum, the site of the blocker
itself, a firewall that nobody has set up, the next one who rents the address? Then it is a `hint`.

## What is left out
Other lists have signs that give false alarms, and they are not here: addresses that are nobody's (`0.0.0.0`,
`127.0.0.1`, `1.2.3.4`), at which some services are by design; pages that test for humans; the page of a common router;
a link to the Russian register, which any article has; VK's own answer for a country; notices about quotas and captive
portals, which ask for something and block nothing; addresses that were only ever silent. Today's forged answers for
China lie in the space of other services, change, and are no sign by themselves.

## The shipped ones
"""


def fingerprints() -> Iterator[str]:
    meanings = field_meanings("classify/fingerprints.py")
    yield _FINGERPRINTS.strip()
    yield ""
    yield "| key | meaning |"
    yield "|---|---|"
    for key, form in KEYS.items():
        optional = "" if form.required or key in SIGNS else " Optional."
        yield f"| `{key}` | {meanings.get(f'Fingerprint.{key}') or _choice(key, meanings)}{optional} |"
    yield _PATTERNS.format(signs=", ".join(f"`{key}`" for key in SIGNS)).rstrip()
    yield "| id | who | scope | weight | since | signs | source |"
    yield "|---|---|---|---|---|---|---|"
    for each in shipped_fingerprints().all:
        who = " ".join(filter(None, (each.network, f"({each.country})" if each.country else "")))
        cells = (f"`{each.id}`", who, each.scope, each.weight, each.since or "", _signs(each), each.source)
        yield f"| {' | '.join(cells)} |"


def _signs(fingerprint: Fingerprint) -> str:
    signs = [f"{key}: {', '.join(f'`{sign}`' for sign in getattr(fingerprint, key))}" for key in SIGNS]
    return "; ".join(each for each in signs if not each.endswith(": "))


def _choice(key: str, meanings: Mapping[str, str]) -> str:
    """The words that a key may have, each with its meaning."""
    kind: type[Scope | Weight] = {"scope": Scope, "weight": Weight}[key]
    return " ".join(f"`{word}`: {meanings[f'{kind.__name__}.{word.name}']}" for word in kind)


def services() -> Iterator[str]:
    known = shipped()
    endpoints = sum(len(service.endpoints) for service in known)
    yield "# Services"
    yield ""
    yield f"Written by the program from the {len(known)} files in `targets/`, with {endpoints} endpoints. Each has its"
    yield "source, by repository, commit and path or by address (nothing was copied from them), and how sure it is that"
    yield "the endpoint belongs to the service. Endpoints that are unverified are measured and decide nothing."
    yield ""
    yield "A role works when one of its endpoints does, and a service works when the roles that it needs do. The"
    yield "SHA-256 of roots that are a service's own are in its file."
    for service in known:
        yield ""
        yield f"## {service.title}"
        yield " ".join(_service(service))
        yield ""
        yield "| endpoint | role | what for | healthy | source | certainty |"
        yield "|---|---|---|---|---|---|"
        for endpoint in service.endpoints:
            target = endpoint.target
            own = " (root of its own)" if target.roots else ""
            cells = (f"`{target.name}`", f"`{target.role}`", endpoint.purpose, (endpoint.healthy or "") + own)
            yield f"| {' | '.join(map(_cell, (*cells, endpoint.source, target.certainty)))} |"
        if service.unmeasured:
            yield ""
            yield "Not measured:"
            yield ""
            yield "| address | role | what for | why not | source | certainty |"
            yield "|---|---|---|---|---|---|"
        for each in service.unmeasured:
            cells = (f"`{each.address}`", f"`{each.role}`", each.purpose, each.why, each.source, each.certainty)
            yield f"| {' | '.join(map(_cell, cells))} |"


def _service(service: Service) -> Iterator[str]:
    yield f"`{service.id}`, by {service.operator}, {service.homepage}."
    if service.retired:
        yield f"Closed on {service.retired}: {service.retired_reason or 'by its owner'}."
    for name, roles in (("all of", service.all_of), ("any of", service.any_of)):
        if roles:
            yield f"Needs {name}: {', '.join(f'`{role}`' for role in roles)}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "rules.md": rules,
    "fingerprints.md": fingerprints,
    "cli.md": cli,
    "data-dictionary.md": data_dictionary,
    "services.md": services,
    "probe.1": manual,
}


_BEGIN, _END = "<!-- demo: written by `make docs` -->", "<!-- /demo -->"


def readme() -> str:
    """The README with what `make demo` prints now."""
    demo = [sys.executable, "-m", "tests.lab.demo"]
    shown = subprocess.run(demo, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, after = text.split(_BEGIN)[0], text.split(_END)[1]
    return f"{before}{_BEGIN}\n```\n{shown.stdout.rstrip()}\n```\n{_END}{after}"


def main() -> int:
    stale = []
    for name, write in PAGES.items():
        page, text = DOCS / name, "\n".join(write()) + "\n"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                page.write_text(text, encoding="utf-8")
    if "--check" not in sys.argv:
        (ROOT / "README.md").write_text(readme(), encoding="utf-8")
    elif stale:
        print(f"not as the program would write them: {', '.join(stale)}; run: make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
