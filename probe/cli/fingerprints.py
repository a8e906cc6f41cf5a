"""`probe fingerprints`: the signs by which those who block are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status

if TYPE_CHECKING:
    from probe.classify.fingerprints import Fingerprint, Fingerprints, Sighting
    from probe.model import HttpDetail

app = typer.Typer(help="The signs by which those who block are known.", no_args_is_help=True, rich_markup_mode=None)

_LARGEST = 16 << 20

Seen = tuple["Sighting", int | None]
"""A sign, and the id of the observation it was seen in."""


@app.command("list")
def list_fingerprints(
    json: options.Json = False,
    fingerprints: options.FingerprintFiles = None,
    config: options.ConfigFile = None,
) -> int:
    """Who is known, and by how many signs. A file of your own is checked: every fault with its place and reason."""
    from probe.cli import settings
    from probe.form import dumps
    from probe.report.safe import safe

    for each in settings.fingerprints(fingerprints, settings.load_config(config).config).all:
        if json:
            print(dumps(each))
        else:
            who = " ".join(filter(None, (each.country, each.network)))
            print(f"{each.id:<24} {each.scope:<9} {each.weight:<6} {_count(each):>3} signs  {safe(who)}")
    return Status.OK


@app.command("test")
def recognise(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A saved page, an HTTP response with its headers, or lines of --json. `-` is stdin."
        ),
    ],
    json: options.Json = False,
    fingerprints: options.FingerprintFiles = None,
    config: options.ConfigFile = None,
) -> int:
    """Which fingerprints are in a file, and where. Ends with 3 when there is one, 0 when there is none."""
    from probe.cli import settings
    from probe.form import dumps
    from probe.report.safe import safe

    known = settings.fingerprints(fingerprints, settings.load_config(config).config)
    found = list(_seen(known, _content(file), str(file)))
    for sighting, observation in found:
        fp = sighting.fingerprint
        if json:
            row = {"fingerprint": fp.id, "scope": fp.scope, "weight": fp.weight, "sign": sighting.sign}
            print(dumps({**row, "pattern": sighting.pattern, "place": sighting.place, "observation": observation}))
        else:
            step = f"observation {observation}, " if observation is not None else ""
            print(f"{fp.id:<24} {fp.scope:<9} {fp.weight:<6} {step}{sighting.place}: {safe(sighting.pattern)}")
    if not found:
        typer.echo("No fingerprint is in it.", err=True)
    return Status.BLOCKED if found else Status.OK


def _count(fingerprint: Fingerprint) -> int:
    from probe.classify.fingerprint_files import SIGNS

    return sum(len(getattr(fingerprint, name)) for name in SIGNS)


def _content(file: Path) -> bytes:
    try:
        with open(0 if str(file) == "-" else file, "rb") as source:
            content = source.read(_LARGEST + 1)
    except OSError as error:
        raise Refusal(f"{file}: cannot be read: {error.strerror}", Status.USAGE) from None
    if len(content) > _LARGEST:
        raise Refusal(f"{file}: larger than {_LARGEST >> 20} MiB", Status.USAGE)
    return content


def _seen(known: Fingerprints, content: bytes, name: str) -> Iterator[Seen]:
    """What is in a file, by the form that it has."""
    from probe.model import HttpDetail
    from probe.page import describe

    if content.lstrip()[:1] == b"{":
        yield from _in_lines(known, content, name)
        return
    page, body = HttpDetail(address="", port=80, url="http:///"), content
    if content.startswith(b"HTTP/"):
        page, body = _response(content, page)
    yield from ((sighting, None) for sighting in known.of_page(describe(page, body), body))


def _response(content: bytes, page: HttpDetail) -> tuple[HttpDetail, bytes]:
    """An HTTP/1.1 response as it is on the wire, or as `curl -i` writes it, in lines of either kind."""
    from dataclasses import replace

    from probe.steps.http import decode

    blank = b"\r\n\r\n" if b"\r\n\r\n" in content else b"\n\n"
    head, _, body = content.partition(blank)
    status, *fields = head.decode("utf-8", "replace").splitlines()
    pairs = (field.partition(":") for field in fields)
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    code = status.partition(" ")[2][:3]
    page = replace(page, status=int(code) if code.isdecimal() else None, headers=headers)
    return page, decode(body, page.header("content-encoding") or "")[0]


def _in_lines(known: Fingerprints, content: bytes, name: str) -> Iterator[Seen]:
    """The observations of verdict lines, or one a line; bodies are not in them, what was read out of them is."""
    import msgspec

    from probe.form import FormError, observation_from_json

    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line)
            rows = row.get("observations", [row]) if isinstance(row, dict) else [row]
            observations = [observation_from_json(each) for each in rows]
        except (msgspec.MsgspecError, FormError, UnicodeDecodeError, TypeError, RecursionError) as error:
            raise Refusal(f"{name}: line {number}: {error}", Status.USAGE) from None
        for observation in observations:
            yield from ((sighting, observation.id) for sighting in _in_detail(known, observation.detail))


def _in_detail(known: Fingerprints, detail: object) -> Iterator[Sighting]:
    from probe.model import DnsDetail, HttpDetail, TlsDetail

    found: list[Sighting | None] = []
    if isinstance(detail, DnsDetail):
        found += [known.of_host(r.value) if r.type == "CNAME" else known.of_address(r.value) for r in detail.answers]
    elif isinstance(detail, TlsDetail):
        found.append(known.of_certificate(detail))
    elif isinstance(detail, HttpDetail):
        found += known.of_page(detail, None)
    yield from (sighting for sighting in found if sighting is not None)
