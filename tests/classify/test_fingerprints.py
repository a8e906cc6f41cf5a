"""The shipped fingerprints are found where they should be and nowhere else; a file that is wrong is told so exactly."""

from __future__ import annotations

import string
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.classify import RULES_VERSION, classify
from probe.classify.fingerprint_files import FingerprintError, added, read, shipped
from probe.classify.fingerprints import Fingerprint, Fingerprints, Sighting, Weight, find, parts
from probe.failure import Failure
from probe.model import HttpDetail, Outcome, TlsDetail
from probe.page import SEARCHED, describe
from tests.classify.golden import STUB_AT, STUB_HOST
from tests.classify.stories import CONTROL, HERE, HTTP, HTTPS, NAME, ONLINE, Saw, well

KNOWN = shipped()
PAGE = HttpDetail(address="192.31.196.1", port=80, url="http://line.me/", status=200)


def in_page(body: str, status: int = 200, **headers: str) -> tuple[Sighting, ...]:
    """What is seen in a response of this body and these headers."""
    encoded = body.encode()
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return KNOWN.of_page(describe(replace(PAGE, status=status, headers=named), encoded), encoded)


def ids(sightings: tuple[Sighting, ...]) -> set[str]:
    return {sighting.fingerprint.id for sighting in sightings}


@pytest.mark.parametrize("fp", KNOWN.all, ids=lambda fp: fp.id)
def test_every_sign_that_is_shipped_is_seen(fp: Fingerprint) -> None:
    for address in fp.addresses:
        seen = KNOWN.of_address(address.partition("/")[0])
        assert seen is not None
        assert seen.fingerprint is fp
    for host in fp.hosts:
        certificate = TlsDetail(address="", port=443, server_name="line.me", alternative_names=(f"www.{host}",))
        for found in (KNOWN.of_host(f"{host}."), KNOWN.of_certificate(certificate)):
            assert found is not None
            assert found.fingerprint is fp
        assert fp.id in ids(in_page(f'<iframe src="http://{host}/x"></iframe>'))
    for place in (*fp.hosts, *fp.locations):
        assert fp.id in ids(in_page("", 302, location=f"http://{place}?url=line.me"))
        assert fp.id in ids(in_page(f'<meta http-equiv=refresh content="0; url=//{place}">'))
    for title in fp.titles:
        assert fp.id in ids(in_page(f"<title> {title.upper() if title.isascii() else title}</title>"))
    for header in fp.headers:
        name, _, value = header.partition(":")
        assert fp.id in ids(in_page("", 403, **{name: value}))
    for body in fp.bodies:
        filled = body.replace("*", " anything ")
        assert fp.id in ids(in_page(f"<script>{filled}</script>" if fp.weight is Weight.PROOF else f"<p>{filled}</p>"))
    for issuer in fp.issuers:
        certificate = TlsDetail(address="", port=443, server_name="line.me", issuer=issuer.replace("*", ",OU=x,"))
        found = KNOWN.of_certificate(certificate)
        assert found is not None
        assert found.fingerprint is fp


def test_text_of_a_proof_is_not_seen_where_it_is_only_said() -> None:
    for fp in KNOWN.all:
        for body in fp.bodies if fp.weight is Weight.PROOF else ():
            quoted = body.replace("*", " ").replace("<", "&lt;")
            said = f"<p>{quoted}</p><!-- {quoted} --><a href='{quoted}'>{quoted}</a><textarea>{quoted}</textarea>"
            assert fp.id not in ids(in_page(said))


# What other lists have, or once had, and what is no block: named in the sources as prone to false alarms.
ADDRESSES_OF_NOBODY = (
    "0.0.0.0", "127.0.0.1", "::1", "1.2.3.4", "10.0.0.1", "10.10.34.33", "192.168.1.1", "188.19.132.154",
    "95.213.254.253", "49.44.79.236", "125.212.224.108", "93.46.8.90", "95.167.13.52", "2001:4860:4860::8888",
)  # fmt: skip
PAGES_OF_NOBODY: dict[str, tuple[str, int, dict[str, str]]] = {
    "a test for humans": ("<title>Please Wait... | Cloudflare</title>", 503, {"server": "cloudflare"}),
    "a router's own page": ("<title>Login</title>", 200, {"server": "GoAhead-Webs"}),
    "a link to the register": ('<a href="http://eais.rkn.gov.ru/">register</a>', 200, {}),
    "VK's own answer for a country": ("", 302, {"location": "https://vk.com/blank.php?rkn=13"}),
    "a company's words": ("<h1>Страница заблокирована</h1>", 403, {}),
    "a quota notice": ("", 302, {"location": "http://notification.etisalat.com.eg/redirectionactions/quota"}),
    "a host that only begins so": ("", 302, {"location": "http://warning.rt.ru.example.net/"}),
    "a host that only ends so": ("", 302, {"location": "http://notwarning.rt.ru/"}),
    "the portal of an operator": ("", 302, {"location": "http://a1.by/mininformation"}),
    "a name in a query": ("", 302, {"location": "http://line.me/?from=http://warning.rt.ru/"}),
    "a redirect to itself": ("", 302, {"location": "/warning.rt.ru/"}),
    "a Location that is no redirect": ("", 201, {"location": "http://warning.rt.ru/"}),
    "a title with more in it": ("<title>What is block-system?</title>", 200, {}),
    "a link to a block host": ('<a href="http://warning.rt.ru/">see</a>', 200, {}),
    "a page about the filter": ("<p>Server: Protected by WireFilter</p>", 200, {}),
}


@pytest.mark.parametrize("address", ADDRESSES_OF_NOBODY)
def test_addresses_of_nobody(address: str) -> None:
    assert KNOWN.of_address(address) is None


@pytest.mark.parametrize(("body", "status", "headers"), PAGES_OF_NOBODY.values(), ids=PAGES_OF_NOBODY)
def test_pages_of_nobody(body: str, status: int, headers: dict[str, str]) -> None:
    assert in_page(body, status, **headers) == ()


class Counting(str):
    """A text that notes which parts of it were looked through."""

    spans: list[tuple[int, int]]

    def find(self, part: str, start: int = 0) -> int:  # type: ignore[override]
        found = super().find(part, start)
        self.spans.append((start, found + len(part) if found >= 0 else len(self)))
        return found


pattern_texts = st.text(alphabet="ab* ", max_size=20)


@settings(max_examples=500, deadline=None)
@given(pattern_texts, st.text(alphabet="ab ", max_size=200))
def test_a_pattern_is_one_pass_over_the_text(pattern: str, text: str) -> None:
    counted = Counting(text)
    counted.spans = []
    find(pattern, counted)
    assert all(before[1] <= after[0] for before, after in zip(counted.spans, counted.spans[1:], strict=False))
    assert sum(end - start for start, end in counted.spans) <= len(text)


@settings(max_examples=500, deadline=None)
@given(pattern_texts, st.lists(st.text(alphabet="cd", max_size=5), min_size=12, max_size=12))
def test_a_pattern_is_found_in_what_is_made_from_it(pattern: str, between: list[str]) -> None:
    made = "".join(gap + part for gap, part in zip(between, parts(pattern), strict=False)) + between[-1]
    assert (find(pattern, made) is not None) == bool(parts(pattern))
    if len(parts(pattern)) > 1:
        assert find(pattern, made[: find(pattern, made)] + "c") is None


def test_a_hostile_name_is_no_host() -> None:
    assert KNOWN.of_host(f"{'a.' * 100}warning.rt.ru") is not None
    assert KNOWN.of_host(f"{'a.' * 1_000_000}warning.rt.ru") is None


def test_a_hostile_body_is_read_up_to_its_bound() -> None:
    filling = b"a" * SEARCHED
    assert KNOWN.of_page(PAGE, filling + b"<script src=//mc.yandex.ru/watch/38740850>") == ()
    assert ids(KNOWN.of_page(PAGE, b"<script src=//mc.yandex.ru/watch/38740850></script>" + filling)) == {
        "ru-rostelecom"
    }


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=500), st.lists(st.tuples(st.sampled_from(["location", "server", "x"]), st.text()), max_size=3)
)
def test_any_response_can_be_asked_about(body: bytes, headers: list[tuple[str, str]]) -> None:
    page = describe(replace(PAGE, status=302, headers=tuple(headers)), body)
    assert all(sighting.fingerprint in KNOWN.all for sighting in KNOWN.of_page(page, body))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_can_be_asked_about(text: str) -> None:
    KNOWN.of_address(text)
    KNOWN.of_host(text)
    KNOWN.of_location(text)
    KNOWN.of_certificate(TlsDetail(address="", port=443, server_name=None, subject=text, issuer=text))


# A user's own file

OWN = """
[[fingerprint]]
id = "village"
scope = "isp"
weight = "proof"
source = "seen at home"
addresses = ["192.175.48.12"]
"""


def with_line(line: str, without: str = "") -> bytes:
    kept = [each for each in OWN.splitlines() if not without or not each.startswith(without)]
    return "\n".join([*kept, line, ""]).encode()


FAULTS: dict[str, tuple[bytes, str]] = {
    "not TOML": (b"[[fingerprint", "own.toml: not TOML: "),
    "not UTF-8": (b'\n\nid = "\xff"', "own.toml: line 3: is not UTF-8 text"),
    "empty": (b"", "own.toml: fingerprint: must be at least one [[fingerprint]] table"),
    "another key beside": (OWN.encode() + b"[other]\n", "own.toml: other: unknown key; known: fingerprint"),
    "a misspelt key": (with_line('adresses = ["1.2.3.4"]'), "fingerprint[1] (village): adresses: unknown key; did you"),
    "a key is missing": (with_line("", "source"), "own.toml: fingerprint[1] (village): source: is missing"),
    "no sign": (with_line("", "addresses"), "fingerprint[1] (village): has no sign; one of addresses, hosts, "),
    "an id with blanks": (with_line('id = "Our village"', "id"), "fingerprint[1] (Our village): id: must be lower"),
    "an unknown scope": (with_line('scope = "town"', "scope"), "scope: must be one of national, isp, local, not"),
    "an unknown weight": (with_line("weight = 7", "weight"), "weight: must be one of proof, hint, not 7"),
    "a country's name": (with_line('country = "Russia"'), "country: must be two capital letters"),
    "a moment": (with_line('since = "yesterday"'), "since: must be a year, month or day"),
    "a text for a list": (with_line('hosts = "block.example"'), "hosts: must be a list of texts that is not empty"),
    "a URL for a host": (with_line('hosts = ["http://block.example/"]'), "'http://block.example/' is no host name"),
    "an address for a host": (with_line('hosts = ["192.0.2.1"]'), "'192.0.2.1' is an address; it belongs in addresses"),
    "a URL for a location": (with_line('locations = ["http://a.example/b"]'), "must be host or host/path, without a"),
    "a location with a query": (with_line('locations = ["a.example/b?c"]'), "must end with the path: no query"),
    "no address": (with_line('addresses = ["192.0.2"]', "addresses"), "addresses: '192.0.2' is no address"),
    "an address inside a prefix": (with_line('addresses = ["192.0.2.1/24"]', "addresses"), "no prefix with nothing"),
    "half the Internet": (with_line('addresses = ["192.0.0.0/2"]', "addresses"), "'192.0.0.0/2' is wider than /16"),
    "a short title": (with_line('titles = ["403"]'), "titles: '403' has less than 5 characters of its own"),
    "a title in parts": (with_line('titles = ["Access*denied"]'), "must be the whole of it, without *"),
    "a body that is everywhere": (with_line('bodies = ["*a * b*"]'), "has less than 8 characters of its own"),
    "too many parts": (with_line(f'bodies = ["{"*".join(string.ascii_letters)}"]'), "has more than 8 parts"),
    "a header without a name": (with_line('headers = ["Protected by us"]'), "must be a header's name, a colon, and"),
    "control characters": (with_line('network = "a\\u0007b"'), "network: has control characters in it"),
    "twice": (OWN.encode() * 2, "own.toml: village: two fingerprints have this id"),
    "too large": (b"#" * (1 << 20) + b"##", "own.toml: larger than 1 MiB"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "fault"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_told(content: bytes, fault: str) -> None:
    with pytest.raises(FingerprintError) as error:
        read(content, "own.toml")
    assert fault in str(error.value)


def test_the_example_in_the_documentation_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "fingerprints.md").read_text("utf-8")
    (fp,) = read(page.split("```toml\n")[1].split("```")[0].encode(), "fingerprints.md")
    assert fp.addresses == ("192.0.2.7", "192.0.2.64/26")


def test_every_fault_of_a_file_is_told() -> None:
    with pytest.raises(FingerprintError) as error:
        read(with_line('country = "X"\nsince = 7', "source"), "own.toml")
    assert len(str(error.value).splitlines()) == 3


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([b"", OWN.encode()]), st.binary(max_size=60))
def test_any_content_is_read_or_refused(begin: bytes, more: bytes) -> None:
    with suppress(FingerprintError):
        read(begin + more, "own.toml")


def test_a_word_of_ones_own_changes_the_version_and_nothing_else_does() -> None:
    own = added(read(OWN.encode(), "own.toml"))
    assert added(()).version == "" == KNOWN.version
    assert added(read(b"# the same\n" + OWN.encode(), "other.toml")).version == own.version != ""
    assert added(read(OWN.replace("48.12", "48.13").encode(), "own.toml")).version != own.version
    assert set(own.all) > set(KNOWN.all)


def test_an_id_that_is_shipped_is_refused() -> None:
    own = read(OWN.replace("village", KNOWN.all[0].id).encode(), "own.toml")
    with pytest.raises(FingerprintError, match=f"{KNOWN.all[0].id}: the program ships"):
        added(own)


def judged(fingerprints: Fingerprints | None, *controls: Saw) -> tuple[str, str, str]:
    mine = Saw().dns("192.175.48.12").tcp("192.175.48.12", failure=None).measured(HTTPS, HERE)
    verdict = classify(mine, [saw.measured(HTTPS, CONTROL) for saw in controls], ONLINE, fingerprints)
    return verdict.reasons[0].code, verdict.rules_version, verdict.reasons[0].text


def test_a_verdict_names_the_fingerprints_it_was_made_with() -> None:
    own = added(read(OWN.encode(), "own.toml"))
    assert judged(None)[:2] != judged(own)[:2]
    code, version, text = judged(own, well())
    assert (code, version) == ("dns.known_block_address", f"{RULES_VERSION}+{own.version}")
    assert "192.175.48.12" in text


WHOSE: dict[str, tuple[str, str]] = {
    STUB_AT: ("sent by Rostelecom (RU).", "national"),
    "10.10.34.34": ("sent by the national filter (IR).", "no national"),
    "208.91.112.55": ("no sign of a national block", "(RU)"),
}


@pytest.mark.parametrize(("address", "said", "unsaid"), [(a, *texts) for a, texts in WHOSE.items()], ids=WHOSE)
def test_a_sentence_says_whose_block_it_is(address: str, said: str, unsaid: str) -> None:
    verdict = classify(Saw().dns(address).measured(NAME, HERE), (), ONLINE)
    assert said in verdict.reasons[0].text
    assert unsaid not in verdict.reasons[0].text


OWNED = {"rt.ru": True, "warning.rt.ru": True, "www.block.rt.ru": True, "notrt.ru": False, "line.me": False}


@pytest.mark.parametrize(("host", "is_own"), OWNED.items(), ids=OWNED)
def test_a_blocker_shows_its_own_signs_on_its_own_sites(host: str, is_own: bool) -> None:
    """By name, by page and by certificate, none of which says anything of its own hosts."""
    name, http, https = (replace(target, host=host) for target in (NAME, HTTP, HTTPS))
    sent = Saw().dns(STUB_AT).tcp("192.31.196.1", port=80)
    sent.http("192.31.196.1", 302, location="http://warning.rt.ru/", url=f"http://{host}/")
    shown = Saw().dns("192.31.196.1").tcp("192.31.196.1")
    shown.tls("192.31.196.1", Failure.SSL_INVALID_HOSTNAME, leaf="stub", **STUB_HOST)
    for target, saw in ((name, Saw().dns(STUB_AT)), (http, sent), (https, shown)):
        assert (classify(saw.measured(target, HERE), (), ONLINE).outcome is Outcome.BLOCKED) is not is_own
