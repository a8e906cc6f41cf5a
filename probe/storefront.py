"""App stores' public listings: which question is put to a store about an app in a country, and what came of it.

Law: pure. A store is a service like any other while it is asked, and its answer is a fact like any other; what follows
from the answers (`Listing`) is a conclusion of its own, and no part of a verdict on the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from probe.model import App, Measurement, Reason


class AppStore(StrEnum):
    """An app store."""

    APPLE = "apple"
    GOOGLE = "google"


class Said(StrEnum):
    """What a store's answer says of an app."""

    LISTED = "listed"
    NOT_LISTED = "not_listed"
    UNCLEAR = "unclear"
    """There was no answer, or none that is a listing."""


class Listing(StrEnum):
    """What follows for an app in a country."""

    LISTED = "listed"
    REMOVED_HERE = "removed_here"
    """Not listed in this country, though in most others that were asked about."""
    REMOVED_EVERYWHERE = "removed_everywhere"
    """Not listed in this country, nor in any other that was asked about."""
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How one store is asked."""

    title: str
    endpoint: str
    """Where its public listing is, unless the settings name another place."""
    question: str
    """Path and query; `{app}` is its id there, `{country}` the two letters."""
    own_app: str
    """An app of the store's own maker: where that is not listed, the store has no listings at all."""


STORES: Mapping[AppStore, Form] = {
    AppStore.APPLE: Form(
        title="the App Store",
        endpoint="https://itunes.apple.com",
        question="/lookup?id={app}&country={country}",
        own_app="361309726",  # Pages, by Apple
    ),
    AppStore.GOOGLE: Form(
        title="Google Play",
        endpoint="https://play.google.com",
        question="/store/apps/details?id={app}&gl={country}&hl=en",
        own_app="com.android.chrome",  # Chrome, by Google
    ),
}
COMPARED = ("US", "DE", "JP", "BR")
"""The countries with which another one is compared: large stores on four continents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to a store, and what it said."""

    country: str
    """ISO 3166-1 alpha-2: whose listing was asked for."""
    app: str
    """The app's id in this store, or that of the store's own app."""
    said: Said
    """`listed`, `not_listed` or `unclear`."""
    reason: Reason | None = None
    """Why it is unclear: the network's reason where it did not let the question or the answer pass."""
    measurement: Measurement
    """How it was asked: the same steps as for any target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCheck:
    """An app in a store in a country: all that was asked, and what follows."""

    service: str
    """The id of the service whose app it is."""
    store: AppStore
    """`apple` or `google`."""
    app: str
    """Its id in this store."""
    country: str
    """ISO 3166-1 alpha-2: the country in question."""
    listing: Listing
    """`listed`, `removed_here`, `removed_everywhere` or `inconclusive`."""
    reason: Reason
    """Why; its observations are those of the first question."""
    questions: tuple[Question, ...]
    """The first is about the country in question."""
    rules_version: str
    """Of the rules for stores."""

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why, and what kept the store from answering about the country in question."""
        problem = self.questions[0].reason
        return (self.reason,) if problem is None else (self.reason, problem)


def apps_of(app: App) -> dict[AppStore, str]:
    """The id of an app in each store that has one."""
    ids = {AppStore.APPLE: str(app.apple) if app.apple is not None else None, AppStore.GOOGLE: app.google}
    return {store: found for store, found in ids.items() if found is not None}


def page_of(store: AppStore, app: str, country: str, endpoint: str) -> str:
    """The URL of a listing."""
    return endpoint.rstrip("/") + STORES[store].question.format(app=app, country=country)


def compared_with(country: str) -> tuple[str, ...]:
    """The other countries that are asked about."""
    return tuple(other for other in COMPARED if other != country)
