"""The options that several verbs share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
Services = Annotated[
    bool, typer.Option("--services", help="One verdict a service on stdout, in place of one a target.")
]
Database = Annotated[
    Path | None,
    typer.Option("--db", envvar="PROBE_DB", help="The database.", show_default="results/probe.sqlite in a checkout"),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", envvar="PROBE_CONFIG", help="The configuration file.", show_default="probe/probe.toml"),
]
Controls = Annotated[
    list[str] | None,
    typer.Option(
        "--control",
        envvar="PROBE_CONTROL",
        help="URL of a control vantage point, ooni+URL of an OONI test helper, or `none`. May be repeated.",
    ),
]
ResolverAddress = Annotated[
    str | None,
    typer.Option("--resolver", envvar="PROBE_RESOLVER", help="Ask this resolver, IP[:PORT], instead of the system's."),
]
SecureResolverUrl = Annotated[
    str | None,
    typer.Option(
        "--doh",
        envvar="PROBE_DOH",
        help="Where a name looks blocked, ask this resolver too, over HTTPS: https://ADDRESS/dns-query.",
        show_default="nobody is asked",
    ),
]
NetworkFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--networks",
        envvar="PROBE_NETWORKS",
        help="A database of the networks of addresses (.mmdb: ASN, country). May be repeated; PROBE_NETWORKS holds"
        " several as PATH does.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", envvar="PROBE_TIMEOUT", min=0.1, max=300, help="Seconds that one network operation may take."
    ),
]
Locate = Annotated[
    bool,
    typer.Option(
        "--locate",
        help="Where a target is blocked, find out where on the path. Takes up to half a minute and some dozens of"
        " connections more, and records the routers on the path by address, but none of your own network.",
    ),
]
Stores = Annotated[
    bool,
    typer.Option(
        "--stores", help="Ask the app stores, too, whether they list the apps of these services; needs --country."
    ),
]
Country = Annotated[
    str | None,
    typer.Option("--country", help="The country whose app stores are asked about, two letters.", show_default=False),
]
Lists = Annotated[
    list[Path] | None,
    typer.Option(
        "--targets",
        help="A target list: a service file, a CSV test list, an OONI Run descriptor, one target a line; or a folder "
        "of them. May be repeated.",
        show_default="those installed or shipped",
    ),
]
BudgetBytes = Annotated[
    int | None,
    typer.Option(
        "--budget-bytes",
        envvar="PROBE_BUDGET_BYTES",
        min=0,
        help="Bytes that a day (UTC) may cost, with what was recorded of it before; 0 for no limit.",
        show_default="500000000 with --scheduled",
    ),
]
BudgetConnections = Annotated[
    int | None,
    typer.Option(
        "--budget-connections",
        envvar="PROBE_BUDGET_CONNECTIONS",
        min=0,
        help="The same in connections.",
        show_default="60000 with --scheduled",
    ),
]
FingerprintFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--fingerprints",
        envvar="PROBE_FINGERPRINTS",
        help="Fingerprints of your own, besides the shipped ones: a TOML file. May be repeated.",
    ),
]
