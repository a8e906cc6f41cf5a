"""The settings of one call: flag, then `PROBE_*`, then the configuration file, then the default.

Law: looked up here and nowhere else. Typer has already put the environment under the flags.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import msgspec

from probe.address import parse
from probe.budget import Budget
from probe.classify.fingerprint_files import LARGEST, FingerprintError, added, read
from probe.classify.fingerprints import Fingerprint, Fingerprints
from probe.cli.errors import Refusal, Status
from probe.model import Vantage
from probe.networks import Networks, NetworksError
from probe.ooni import HELPER_PREFIX

if TYPE_CHECKING:
    from probe.steps.network import Resolver, SecureResolver

_CHECKOUT = Path(__file__).parents[2]
_LONGEST = 1 << 20

SYSTEM_STATE = Path("/var/lib/probe")
"""Where the service of the whole machine keeps its database and its consent (StateDirectory of `probe.service`)."""

SCHEDULED_BUDGET = Budget(bytes=500_000_000, connections=60_000)
"""Where none is set: with room for four runs over the shipped lists, even where everything is blocked (872 connections
a run in the lab, where each host has one address; eight are tried at most)."""

LEAST_TIMEOUT, MOST_TIMEOUT = 0.1, 300.0
LEAST_RATE = 0.01
KEPT_MEGABYTES = 180
"""About a month of the shipped lists, every six hours."""


class VantageTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[vantage]`: where this probe stands, as its owner says it."""

    name: str | None = None
    country: str | None = None
    asn: int | None = None
    network: str | None = None


class NetworksTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[networks]`: files that say whose network an address is in."""

    databases: tuple[str, ...] = ()


class TargetsTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[targets]`: where newer target lists come from, and whose signature they must bear."""

    key: str | None = None
    """An Ed25519 public key: 32 bytes, base64."""
    url: str | None = None


class StoresTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[stores]`: where the app stores' public listings are, in place of their own addresses."""

    apple: str | None = None
    google: str | None = None


class UploadTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[upload]`: the collector that results are sent to, and how it knows this probe."""

    url: str | None = None
    token_file: str | None = None
    key_file: str | None = None
    """The Ed25519 key to sign with, PEM; where none is named, one is made."""
    redact: tuple[str, ...] = ()
    """Addresses and names that are replaced besides those that are found."""


class BudgetTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[budget]`: what a day of UTC may cost the line; 0 for no limit."""

    bytes: Annotated[int, msgspec.Meta(ge=0)] | None = None
    connections: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The configuration file, `probe.toml`."""

    database: str | None = None
    control: tuple[str, ...] = ()
    resolver: str | None = None
    doh: str | None = None
    fingerprints: tuple[str, ...] = ()
    timeout: Annotated[float, msgspec.Meta(ge=LEAST_TIMEOUT, le=MOST_TIMEOUT)] | None = None
    concurrency: Annotated[int, msgspec.Meta(ge=1)] | None = None
    rate: Annotated[float, msgspec.Meta(ge=LEAST_RATE)] | None = None
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    allow_vpn: bool = False
    """Let scheduled runs measure where the way out is a VPN."""
    keep: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Megabytes that the database of scheduled runs is kept at; 0: it grows."""
    allow_metered: bool = False
    """Let them measure where it is paid for by the byte."""
    vantage: VantageTable = VantageTable()
    networks: NetworksTable = NetworksTable()
    targets: TargetsTable = TargetsTable()
    stores: StoresTable = StoresTable()
    upload: UploadTable = UploadTable()
    budget: BudgetTable = BudgetTable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Which configuration is in force, and where it came from."""

    config: Config
    source: Path | None


def load_config(named: Path | None) -> Files:
    """Reads `--config`, else the user's file, else the system's; none of them is fine."""
    if named is not None:
        return Files(config=_read(named), source=named)
    home = _own("XDG_CONFIG_HOME", ".config")
    for folder in (home, Path("/etc")):
        if folder is not None and (path := folder / "probe" / "probe.toml").is_file():
            return Files(config=_read(path), source=path)
    return Files(config=Config(), source=None)


def _read(path: Path) -> Config:
    try:
        if path.stat().st_size > _LONGEST:
            raise Refusal(f"{path}: larger than 1 MiB, so not a configuration file", Status.CONFIGURATION)
        return msgspec.toml.decode(path.read_bytes(), type=Config)
    except OSError as error:
        raise Refusal(f"{path}: cannot be read: {error.strerror}", Status.CONFIGURATION) from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # of nesting, and of numbers without end
        keys = ", ".join(Config.__struct_fields__)
        raise Refusal(f"{path}: {error} (keys: {keys})", Status.CONFIGURATION) from None


def database(flag: Path | None, config: Config) -> Path:
    """Where verdicts are recorded (contract, Database)."""
    if flag is not None:
        return flag
    if config.database is not None:
        return _path(config.database)
    if _state() is None and (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "results").is_dir():
        return _CHECKOUT / "results" / "probe.sqlite"
    return data_folder() / "probe.sqlite"


def kept_megabytes(flag: int | None, config: Config) -> int:
    """What the database of scheduled runs is kept at; 0: it grows."""
    return next(each for each in (flag, config.keep, KEPT_MEGABYTES) if each is not None)


def installed_lists() -> Path:
    """The folder of the target lists that `probe targets update` installs."""
    return data_folder() / "targets"


def consent_folder(*, system: bool = False) -> Path:
    """Where the agreement to scheduled runs is kept: with the service's state, else with the user's data."""
    return SYSTEM_STATE if system else data_folder()


def data_folder() -> Path:
    """Where this program keeps what it makes: the service's state, else the user's data."""
    if (state := _state()) is not None:
        return state
    home = _own("XDG_DATA_HOME", ".local", "share")
    if home is None:
        raise Refusal(
            "this user has no home directory: set HOME, XDG_DATA_HOME or STATE_DIRECTORY", Status.CONFIGURATION
        )
    return home / "probe"


def _own(variable: str, *below: str) -> Path | None:
    """A folder of the user's own; None where no home is known, as for a user that exists only while a service runs."""
    if folder := os.environ.get(variable):
        return Path(folder)
    try:
        return Path.home().joinpath(*below)
    except RuntimeError:
        return None


def _path(text: str) -> Path:
    """A path of the configuration, in which `~` is the home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise Refusal(f"the configuration's {text}: whose home is meant is not known", Status.CONFIGURATION) from None


def _state() -> Path | None:
    folders = os.environ.get("STATE_DIRECTORY")
    return Path(folders.split(":")[0]) if folders else None


def controls(flags: list[str], config: Config) -> tuple[str, ...]:
    """The control vantage points to ask, as URLs; `none` alone means none."""
    urls = tuple(flags) or config.control
    said, status = ("--control", Status.USAGE) if flags else ("the configuration's control", Status.CONFIGURATION)
    if "none" in urls:
        if len(urls) > 1:
            raise Refusal(f"{said} none cannot stand beside another control", status)
        return ()
    for url in urls:
        if not _is_web_url(url.removeprefix(HELPER_PREFIX)):
            raise Refusal(
                f"{said} {url}: not an http:// or https:// URL; give the address of a control ({HELPER_PREFIX}https://…"
                " for an OONI test helper), or none",
                status,
            )
    return tuple(dict.fromkeys(urls))


def upload_url(config: Config) -> str | None:
    """The collector that results are sent to; None where nothing is uploaded."""
    url = os.environ.get("PROBE_UPLOAD_URL") or config.upload.url
    if url is None:
        return None
    parts = urlsplit(url) if _is_web_url(url) else None
    if parts is None or parts.username or (parts.scheme == "http" and not _is_here(parts.hostname or "")):
        text = f"[upload] url {url}: give the https:// URL of a collector, so that nobody on the way reads what is sent"
        raise Refusal(text, Status.CONFIGURATION)
    return url


def _is_here(host: str) -> bool:
    address = parse(host)
    return address is not None and address.is_loopback


def _is_web_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        plain = not parts.query and not parts.fragment
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and plain
    except ValueError:
        return False


def resolvers(flag: str | None, config: Config) -> tuple[Resolver, ...]:
    """The resolver that was named, IP[:PORT], or those of the system."""
    from probe.steps.host import system_resolvers
    from probe.steps.network import Resolver

    text = flag if flag is not None else config.resolver
    if text is None:
        return system_resolvers()
    address, port = text, "53"
    if parse(text) is None:
        address, _, port = text.rpartition(":")
    parsed = parse(address)
    if parsed is None or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        said, status = (
            ("--resolver", Status.USAGE) if flag is not None else ("the configuration's resolver", Status.CONFIGURATION)
        )
        raise Refusal(f"{said} {text}: give an address, or address:port ([address]:port for IPv6)", status)
    return (Resolver(str(parsed), int(port)),)


def secure_resolver(flag: str | None, config: Config) -> SecureResolver | None:
    """The resolver that follow-ups ask over HTTPS, `https://ADDRESS[:PORT]/PATH`; None where none was named."""
    from probe.steps.network import SecureResolver

    text = flag if flag is not None else config.doh
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        address, port = parse(parts.hostname or ""), parts.port or 443
        if parts.scheme == "https" and address is not None and not (parts.query or parts.fragment or parts.username):
            return SecureResolver(address=str(address), port=port, path=parts.path or "/dns-query")
    except ValueError:
        pass
    said, status = ("--doh", Status.USAGE) if flag is not None else ("the configuration's doh", Status.CONFIGURATION)
    raise Refusal(f"{said} {text}: give https:// and an address, not a name, as in https://192.0.2.1/dns-query", status)


def fingerprints(flags: list[Path] | None, config: Config) -> Fingerprints:
    """The signs by which those who block are known: the shipped ones, and those of the files that were named."""
    own: list[Fingerprint] = []
    for path in flags or [_path(each) for each in config.fingerprints]:
        try:
            with path.open("rb") as file:
                own += read(file.read(LARGEST + 1), str(path))
        except OSError as error:
            raise Refusal(f"{path}: cannot be read: {error.strerror}", Status.CONFIGURATION) from None
        except FingerprintError as error:
            raise Refusal(str(error), Status.CONFIGURATION) from None
    try:
        return added(own)
    except FingerprintError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None


def is_scheduled(flag: bool) -> bool:
    """Whether a timer started this, and not a person: told by --scheduled, or by systemd's mark on its services
    (INVOCATION_ID, systemd.exec(5)), which the shells of a desktop inherit as well: those have a terminal."""
    return flag or (bool(os.environ.get("INVOCATION_ID")) and not (sys.stdout.isatty() or sys.stderr.isatty()))


def budget(max_bytes: int | None, connections: int | None, config: Config, *, scheduled: bool) -> Budget:
    """What a day may cost. A scheduled run has a limit where none is set; 0 lifts it."""
    usual = SCHEDULED_BUDGET if scheduled else Budget()

    def limit(flag: int | None, setting: int | None, otherwise: int | None) -> int | None:
        found = flag if flag is not None else setting
        return otherwise if found is None else found or None

    return Budget(
        bytes=limit(max_bytes, config.budget.bytes, usual.bytes),
        connections=limit(connections, config.budget.connections, usual.connections),
    )


def known_networks(flags: list[Path] | None, config: Config) -> Networks:
    """The databases of networks that were named. Raises Refusal for one that cannot be used."""
    paths = flags or [_path(name) for name in config.networks.databases]
    try:
        return Networks.open(paths)
    except NetworksError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None


def vantage(config: Config, networks: Networks) -> Vantage:
    """Where this probe stands: environment, then configuration, then what the databases of networks say of this host's
    own public address, if it has one; the rest is unknown."""
    from probe.steps.host import own_addresses

    return networks.vantage(_vantage(config), own_addresses() if networks.databases else ())


def _vantage(config: Config) -> Vantage:
    table = config.vantage
    country = os.environ.get("PROBE_VANTAGE_COUNTRY") or table.country or "ZZ"
    if not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise Refusal(f"vantage country {country!r}: give two letters, as in ISO 3166-1, or ZZ", Status.CONFIGURATION)
    asn = os.environ.get("PROBE_VANTAGE_ASN") or str(table.asn or 0)
    digits = asn.upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdigit() and int(digits) < 1 << 32):
        raise Refusal(f"vantage asn {asn!r}: give a number below 4294967296, or 0", Status.CONFIGURATION)
    return Vantage(
        name=os.environ.get("PROBE_VANTAGE_NAME") or table.name or "here",
        country=country.upper(),
        asn=int(digits),
        network=os.environ.get("PROBE_VANTAGE_NETWORK") or table.network,
    )
