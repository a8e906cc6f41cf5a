"""A bundle: service files, a version and a date of expiry, signed with Ed25519, in one file.

Law: pure. Nothing in a bundle is looked at before its signature holds, and it holds over the exact bytes. The form is
in `docs/lists.md`: one line with the public key and the signature, and after it the signed bytes, which are JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from probe.form import FormError, parse_time, time_text
from probe.model import Service
from probe.targets.load import TargetListError, load_texts

LARGEST = 8 << 20
MOST_LISTS = 1000
HIGHEST_VERSION = (1 << 53) - 1
"""What every reader of JSON can tell from the number before it."""

_MAGIC = b"probe-targets-1"
_FORMAT: Final = "probe target lists 1"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\.toml")


class BundleError(ValueError):
    """A bundle, or a key, that cannot be used: one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What a bundle holds, once its signature was found to hold."""

    version: int
    """A newer bundle has a higher one."""
    made_at: datetime
    expires_at: datetime
    """From then on it is not to be used."""
    texts: Mapping[str, str]
    """The service files, by name."""

    def services(self) -> tuple[Service, ...]:
        """The services of the files. Raises BundleError where one is no service file to this program."""
        try:
            return load_texts(self.texts)
        except TargetListError as error:
            first = str(error).splitlines()[0]
            raise BundleError(f"holds what this program cannot read; is the program too old for it? {first}") from None


class _Signed(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The signed bytes."""

    format: Literal["probe target lists 1"]
    version: Annotated[int, msgspec.Meta(ge=1, le=HIGHEST_VERSION)]
    made_at: str
    expires_at: str
    lists: Annotated[dict[str, str], msgspec.Meta(min_length=1, max_length=MOST_LISTS)]


def pack(bundle: Bundle, key: Ed25519PrivateKey) -> bytes:
    """The bundle as a file. The same content and key give the same bytes. Raises BundleError for what is none."""
    bundle.services()
    signed = msgspec.json.encode(
        _Signed(
            format=_FORMAT,
            version=bundle.version,
            made_at=time_text(bundle.made_at),
            expires_at=time_text(bundle.expires_at),
            lists=dict(sorted(bundle.texts.items())),
        )
    )
    content = signature_line(_MAGIC, signed, key) + signed
    unpack(content, public_text(key))
    return content


def unpack(content: bytes, key: str) -> Bundle:
    """What a file holds that the owner of `key` has signed, expired or not. Raises BundleError for any other."""
    read_public_key(key)
    if len(content) > LARGEST:
        raise BundleError(f"larger than {LARGEST >> 20} MiB, so no bundle of target lists")
    head, _, signed = content.partition(b"\n")
    if head.split(b" ")[0] != _MAGIC:
        raise BundleError("not a bundle of target lists")
    verify_line(_MAGIC, head, signed, key)
    return _read(signed)


def signature_line(magic: bytes, signed: bytes, key: Ed25519PrivateKey) -> bytes:
    """The line that says who signed these bytes: what they are, the public key, the signature."""
    return b" ".join((magic, public_text(key).encode(), base64.b64encode(key.sign(signed)))) + b"\n"


def verify_line(magic: bytes, line: bytes, signed: bytes, key: str | None) -> str:
    """The public key that such a line names, when it has signed these bytes and is `key`, where that is given.
    Raises BundleError."""
    words = line.removesuffix(b"\n").split(b" ")
    if len(words) != 3 or words[0] != magic:
        raise BundleError("not a signature of this kind")
    other = words[1][:44].decode("ascii", "replace")
    if key is not None and words[1] != base64.b64encode(read_public_key(key).public_bytes_raw()):
        raise BundleError(f"signed with another key ({other!r}) than the one that is set")
    try:
        read_public_key(other).verify(base64.b64decode(words[2], validate=True), signed)
    except (InvalidSignature, binascii.Error):
        raise BundleError("the signature does not hold: it was changed after it was signed") from None
    return other


def _read(signed: bytes) -> Bundle:
    try:
        read = msgspec.json.decode(signed, type=_Signed)
        bundle = Bundle(
            version=read.version,
            made_at=parse_time(read.made_at),
            expires_at=parse_time(read.expires_at),
            texts=read.lists,
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, FormError) as error:
        raise BundleError(f"not a bundle of a form that this program knows: {error}") from None
    for name in bundle.texts:
        if not _NAME.fullmatch(name):
            raise BundleError(f"{name!r:.60} in it is no name of a service file (small letters, digits, .toml)")
    return bundle


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half of a key as it stands in the configuration: 32 bytes, base64."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def read_public_key(text: str) -> Ed25519PublicKey:
    """The key that `public_text` wrote. Raises BundleError."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except (ValueError, binascii.Error):
        raise BundleError(f"{text!r:.60} is no public key: give 32 bytes in base64 (44 characters)") from None


def read_private_key(pem: bytes) -> Ed25519PrivateKey:
    """A key to sign with, as `openssl genpkey -algorithm ed25519` makes it. Raises BundleError for any other."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise BundleError("the key is encrypted; give it as --key <(openssl pkey -in FILE)") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BundleError("not a private key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError("not an Ed25519 key; make one with: openssl genpkey -algorithm ed25519")
    return key
