"""After a scheduled run: the database is kept as small as its owner was told it would be.

Law: nobody is there, so what went is said in one line for the journal; what cannot be done changes no run's status.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli.errors import say

if TYPE_CHECKING:
    from probe.store import Trimmed

_PAGES = timedelta(days=7)
"""How long pages stay in any case."""


def keep_small(path: Path, megabytes: int, now: datetime) -> None:
    """Makes room in the database where it holds more than so many megabytes; 0 is no bound."""
    from probe.store import Store, StoreError

    if not megabytes:
        return
    try:
        with Store.open(path, create=False) as store:
            trimmed = store.trim(megabytes * 1_000_000, now - _PAGES)
    except StoreError as error:
        say(f"no room was made in the database: {error}")
        return
    if trimmed is not None:
        say(f"the database is kept at {megabytes} MB (`keep`): {_what_went(trimmed)}")


def _what_went(trimmed: Trimmed) -> str:
    pages = f"{trimmed.rows.get('body', 0)} pages of old measurements went"
    if trimmed.until is None:
        return pages
    went = f"{pages}, and {trimmed.rows.get('measurement', 0)} measurements, all from before {trimmed.until:%Y-%m-%d}"
    if not trimmed.not_exported:
        return went
    hint = "`probe export` writes one; a larger `keep` lets more stay"
    return f"{went}; {trimmed.not_exported} of them are in no export ({hint})"
