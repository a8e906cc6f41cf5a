"""Stand-in app stores: two sites that speak the forms of the real ones, at their names or at another."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

from probe.storefront import COMPARED, STORES, AppStore, page_of
from tests.lab.scenarios.scenario import at
from tests.lab.spec import Page, Site

COUNTRY = "RU"
APPS = {AppStore.APPLE: "123456789", AppStore.GOOGLE: "org.example.chat"}
NAMES = {store: form.endpoint.removeprefix("https://") for store, form in STORES.items()}
ADDRESSES = {AppStore.APPLE: at(201), AppStore.GOOGLE: at(202)}
ABSENT = {
    AppStore.APPLE: Page(headers=(("Content-Type", "text/javascript"),), body='\n\n{"resultCount":0,"results":[]}'),
    AppStore.GOOGLE: Page(status=404, title="Not Found", text="We're sorry, the requested URL was not found."),
}


def present(store: AppStore, app: str) -> Page:
    """The answer about an app that is listed."""
    if store is AppStore.APPLE:
        found = {"resultCount": 1, "results": [{"wrapperType": "software", "trackId": int(app), "trackName": "Chat"}]}
        return replace(ABSENT[store], body=f"\n\n{json.dumps(found)}")
    address = f"https://play.google.com/store/apps/details?id={app}"
    return Page(title="Chat - Apps on Google Play", text=f'<link rel="canonical" href="{address}">')


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """What the stores list."""

    app: Collection[str] = (COUNTRY, *COMPARED)
    """The countries that have the app."""
    own: Collection[str] = (COUNTRY, *COMPARED)
    """The countries that have the app of the store's maker."""
    instead: Page | None = None
    """What is answered about the app, in place of a listing, in these countries:"""
    instead_in: Collection[str] = (COUNTRY,)

    def sites(self, **changes: object) -> tuple[Site, Site]:
        """Both stores; `changes` are to their sites."""
        made = [
            Site(name=NAMES[store], addresses=(ADDRESSES[store],), page=ABSENT[store], paths=self._paths(store))
            for store in AppStore
        ]
        apple, google = (replace(site, **changes) for site in made)  # type: ignore[arg-type]
        return apple, google

    def _paths(self, store: AppStore) -> tuple[tuple[str, Page], ...]:
        app, own = APPS[store], STORES[store].own_app
        listed = [(app, country, present(store, app)) for country in self.app]
        listed += [(own, country, present(store, own)) for country in self.own]
        if self.instead is not None:
            listed += [(app, country, self.instead) for country in self.instead_in]
        return tuple((page_of(store, id, country, ""), page) for id, country, page in listed)
