"""Chains of certificates: what is wrong with them, and that a verdict remembered is never one of another time."""

from __future__ import annotations

import datetime
import itertools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from probe.certificate import Roots, read, root_of, sha256, verify
from probe.failure import Failure
from probe.model import PUBLIC

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
SECOND = datetime.timedelta(seconds=1)
INSTANT = datetime.timedelta(microseconds=1)

Key = ec.EllipticCurvePrivateKey


def issue(
    name: str, days: tuple[int, int], issuer: tuple[x509.Certificate, Key] | None, *, authority: bool
) -> tuple[x509.Certificate, Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = key if issuer is None else issuer[1]
    made = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=subject if issuer is None else issuer[0].subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=BEGIN + days[0] * DAY,
        not_valid_after=BEGIN + days[1] * DAY,
    ).add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if not authority:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return made.sign(signer, hashes.SHA256()), key


ROOT = issue("root", (0, 60), None, authority=True)
BETWEEN = issue("between", (10, 50), ROOT, authority=True)
LEAF = issue("line.me", (5, 90), BETWEEN, authority=False)
OF_ROOT = issue("line.me", (5, 90), ROOT, authority=False)
CHAIN = [LEAF[0].public_bytes(Encoding.DER), BETWEEN[0].public_bytes(Encoding.DER)]
SHORT = [OF_ROOT[0].public_bytes(Encoding.DER)]


def roots(certificate: x509.Certificate) -> Roots:
    return Roots.from_pem(certificate.public_bytes(Encoding.PEM), "the test's")


OURS = roots(ROOT[0])
BAD = Failure.SSL_INVALID_CERTIFICATE

MOMENTS: dict[str, tuple[list[bytes], datetime.timedelta, Failure | None]] = {
    "before the leaf": (CHAIN, 4 * DAY, BAD),
    "before the one between": (CHAIN, 10 * DAY - SECOND, BAD),
    "an instant before it": (CHAIN, 10 * DAY - INSTANT, BAD),
    "as it begins": (CHAIN, 10 * DAY, None),
    "in its time": (CHAIN, 30 * DAY, None),
    "later in its time": (CHAIN, 49 * DAY, None),
    "after it": (CHAIN, 50 * DAY + SECOND, BAD),
    "in the root's time": (SHORT, 30 * DAY, None),
    "before the root's end": (SHORT, 60 * DAY - SECOND, None),
    "after the root's end": (SHORT, 60 * DAY + SECOND, BAD),
    "after all": (SHORT, 99 * DAY, BAD),
}


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(MOMENTS, 2)))
def test_a_verdict_is_of_its_own_time(first: str, second: str) -> None:
    for name in (first, second, first):
        chain, after, expected = MOMENTS[name]
        assert verify(chain, "line.me", BEGIN + after, OURS) is expected


def test_a_verdict_is_of_its_own_name_and_roots() -> None:
    at = BEGIN + 30 * DAY
    assert verify(CHAIN, "line.me", at, OURS) is None
    assert verify(CHAIN, "wechat.com", at, OURS) is Failure.SSL_INVALID_HOSTNAME
    assert verify(CHAIN, "line.me", at, roots(issue("other", (0, 99), None, authority=True)[0])) is (
        Failure.SSL_UNKNOWN_AUTHORITY
    )
    assert verify(CHAIN[:1], "line.me", at, OURS) is Failure.SSL_UNKNOWN_AUTHORITY
    assert verify(CHAIN, "line.me", at, OURS) is None


OTHERS = issue("another root", (0, 60), None, authority=True)
OF_OTHERS = issue("line.me", (5, 90), OTHERS, authority=False)
SELF = issue("line.me", (5, 90), None, authority=False)
UNKNOWN = Failure.SSL_UNKNOWN_AUTHORITY


def der(*issued: tuple[x509.Certificate, Key]) -> list[bytes]:
    return [each[0].public_bytes(Encoding.DER) for each in issued]


def pin(issued: tuple[x509.Certificate, Key]) -> str:
    return sha256(*der(issued))


# what is shown, whose certificates are good, and what is said, by somebody who trusts the other root
OWN_ROOTS: dict[str, tuple[list[bytes], tuple[str, ...], Failure | None]] = {
    "its own root, shown": (der(LEAF, BETWEEN, ROOT), (pin(ROOT),), None),
    "one of several": (der(LEAF, BETWEEN, ROOT), (pin(OTHERS), pin(ROOT)), None),
    "in any order": (der(LEAF, ROOT, ROOT, BETWEEN), (pin(ROOT),), None),
    "a certificate that vouches for itself": (der(SELF), (pin(SELF),), None),
    "its own root, not shown": (der(LEAF, BETWEEN), (pin(ROOT),), UNKNOWN),
    "nobody said so": (der(LEAF, BETWEEN, ROOT), (), UNKNOWN),
    "another's root": (der(LEAF, BETWEEN, ROOT), (pin(OTHERS),), UNKNOWN),
    "its root beside a chain that does not lead there": (der(SELF, ROOT), (pin(ROOT),), UNKNOWN),
    "its root behind another's leaf": (der(OF_OTHERS, ROOT), (pin(ROOT),), UNKNOWN),
    "no root": (der(LEAF, BETWEEN), (pin(BETWEEN),), UNKNOWN),
    "the leaf": (der(LEAF, BETWEEN), (pin(LEAF),), UNKNOWN),
    "trusted here, but not its own": (der(OF_OTHERS), (pin(ROOT),), UNKNOWN),
    "trusted here, which is good as well": (der(OF_OTHERS), (PUBLIC, pin(ROOT)), None),
    "its own, where the public is good as well": (der(LEAF, BETWEEN, ROOT), (PUBLIC, pin(ROOT)), None),
    "neither": (der(LEAF, BETWEEN), (PUBLIC, pin(ROOT)), UNKNOWN),
}


@pytest.mark.parametrize(("chain", "accepted", "failure"), OWN_ROOTS.values(), ids=OWN_ROOTS)
def test_roots_of_a_services_own(chain: list[bytes], accepted: tuple[str, ...], failure: Failure | None) -> None:
    at = BEGIN + 30 * DAY
    for _ in range(2):  # what was found out is remembered
        assert verify(chain, "line.me", at, roots(OTHERS[0]), accepted) is failure


def test_a_root_of_its_own_has_its_time_and_name() -> None:
    chain, own, strange = der(OF_ROOT, ROOT), (pin(ROOT),), roots(OTHERS[0])
    assert verify(chain, "line.me", BEGIN + 59 * DAY, strange, own) is None
    assert verify(chain, "line.me", BEGIN + 61 * DAY, strange, own) is BAD
    assert verify(chain, "wechat.com", BEGIN + 30 * DAY, strange, own) is Failure.SSL_INVALID_HOSTNAME


# A key on a curve that nobody uses (prime239v1 in place of prime256v1).
ODD_KEY = CHAIN[0].replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030104"))
ODD_VERSION = CHAIN[0].replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020112"), 1)


@pytest.mark.parametrize("odd", [ODD_KEY, ODD_VERSION])
def test_a_certificate_of_a_kind_that_nobody_uses_is_not_read(odd: bytes) -> None:
    assert read(CHAIN[0]) is not None
    assert read(odd) is None
    assert verify([odd, *CHAIN[1:]], "line.me", BEGIN + 30 * DAY, OURS) is not None
    assert root_of([odd, *CHAIN[1:]], OURS) is None


@pytest.mark.parametrize("chain", [[], [b""], [b"no certificate"], [CHAIN[0], b"\x30\x03\x02\x01\x01"]])
def test_what_is_no_chain(chain: list[bytes]) -> None:
    assert verify(chain, "line.me", BEGIN + 30 * DAY, OURS) is BAD


def test_what_a_certificate_says() -> None:
    leaf = read(CHAIN[0])
    assert leaf is not None
    assert (leaf.subject, leaf.issuer, leaf.alternative_names) == ("CN=line.me", "CN=between", ("line.me",))
    assert (leaf.not_before, leaf.not_after) == (BEGIN + 5 * DAY, BEGIN + 90 * DAY)
    assert read(b"no certificate") is None
