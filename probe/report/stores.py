"""What was found in an app store, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from probe.report.safe import safe
from probe.storefront import Listing, StoreCheck

_STYLE = {
    Listing.LISTED: "green",
    Listing.REMOVED_HERE: "bold red",
    Listing.REMOVED_EVERYWHERE: "yellow",
    Listing.INCONCLUSIVE: "cyan",
}


def store_lines(check: StoreCheck) -> Iterator[Text]:
    """The listing of one app in one store: what, and why."""
    head = Text(check.listing.value.upper().replace("_", " "), style=_STYLE[check.listing])
    where = f"{check.store.value} {check.app}, in the store of {check.country}"
    head.append(f"  {safe(check.service)} ({safe(where)})", style="default not bold")
    yield head
    for reason in check.reasons:
        yield Text(f"{'':14}{safe(reason.text)}", style="dim")
