"""What follows from the answers of an app store, by a table of rules of its own.

Law: pure and total, and apart from the network's rules: a store that cannot be asked says nothing about the app. Only
an answer that a verified certificate vouches for is read, and "not listed" counts only where the store lists at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from probe.classify.path import Path
from probe.model import HttpDetail, Outcome, Reason, Result
from probe.storefront import STORES, AppStore, Listing, Question, Said, StoreCheck

STORE_RULES_VERSION = "1"
_LEAST_COMPARED = 2
"""Answers about other countries without which nothing is compared."""


class _Lookup(msgspec.Struct):
    """The answer of Apple's lookup, as far as it is read."""

    resultCount: int  # noqa: N815 - the key is theirs
    results: list[dict[str, object]]


def _apple(app: str, page: HttpDetail, body: bytes) -> Said:
    """`{"resultCount": 0, "results": []}` where the country's store does not have the id."""
    if page.status != 200 or page.body_truncated:
        return Said.UNCLEAR
    try:
        answer = msgspec.json.decode(body, type=_Lookup)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Said.UNCLEAR
    if any(str(result.get("trackId")) == app for result in answer.results):
        return Said.LISTED
    return Said.NOT_LISTED if answer.resultCount == 0 and not answer.results else Said.UNCLEAR


def _google(app: str, page: HttpDetail, body: bytes) -> Said:
    """A page with the app's package in its own address, or 404."""
    if page.status == 404:
        return Said.NOT_LISTED
    named = re.search(rb"/store/apps/details\?id=" + re.escape(app.encode()) + rb"(?![\w.])", body)
    return Said.LISTED if page.status == 200 and named else Said.UNCLEAR


_READ: Mapping[AppStore, Callable[[str, HttpDetail, bytes], Said]] = {
    AppStore.APPLE: _apple,
    AppStore.GOOGLE: _google,
}


STORE_PROBLEMS: Mapping[str, str] = {
    "store.elsewhere": "{host} sends the question on to {elsewhere}.",
    "store.no_listing": "{host} answers HTTP {status} with something that is no listing.",
}
"""Why an answer is not read although the network let it through."""


def heard(store: AppStore, app: str, country: str, result: Result) -> Question:
    """What a store said, read from the measurement of its page; where nothing came through, the network's reason."""
    path, verdict = Path(result.measurement), result.verdict
    page, host = path.end.page, result.measurement.target.host
    said, reason = Said.UNCLEAR, None
    if verdict.outcome is not Outcome.OK or page is None:
        reason = verdict.reasons[0]
    elif path.end.host != host or not path.is_authenticated:
        reason = _problem("store.elsewhere", host=host, elsewhere=path.end.host)
    else:
        said = _READ[store](app, page, result.measurement.bodies.get(page.body_sha256 or "", b""))
        if said is Said.UNCLEAR:
            reason = _problem("store.no_listing", host=host, status=page.status)
    return Question(country=country, app=app, said=said, reason=reason, measurement=result.measurement)


def _problem(code: str, **words: object) -> Reason:
    return Reason(code=code, text=STORE_PROBLEMS[code].format_map(words))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCase:
    """The questions about one app in one store."""

    store: AppStore
    app: str
    country: str
    questions: Sequence[Question]

    @property
    def here(self) -> Question:
        """About the app in the country in question."""
        return next(each for each in self.questions if (each.country, each.app) == (self.country, self.app))

    @property
    def own(self) -> Said | None:
        """What the store says of its own app in that country; None where that was not asked."""
        own = STORES[self.store].own_app
        found = (each for each in self.questions if (each.country, each.app) == (self.country, own))
        return next((each.said for each in found), None)

    def others(self, *said: Said) -> list[Question]:
        """About the app in other countries, with these answers."""
        return [each for each in self.questions if each.country != self.country and each.said in said]


@dataclass(frozen=True, slots=True)
class StoreRule:
    """One row of the table: the first that holds decides."""

    code: str
    listing: Listing
    when: Callable[[StoreCase], bool]
    text: str
    """The names in braces are those of `_words`."""


def _is_seldom_listed(case: StoreCase) -> bool:
    return len(case.others(Said.LISTED)) * 2 <= len(case.others(Said.LISTED, Said.NOT_LISTED))


STORE_RULES: tuple[StoreRule, ...] = (
    StoreRule(
        "store.listed",
        Listing.LISTED,
        lambda case: case.here.said is Said.LISTED,
        "{store} lists the app in {country}.",
    ),
    StoreRule(
        "store.no_answer",
        Listing.INCONCLUSIVE,
        lambda case: case.here.said is Said.UNCLEAR,
        "{store} gave no answer about {country} that says whether it lists the app.",
    ),
    StoreRule(
        "store.lists_nothing",
        Listing.INCONCLUSIVE,
        lambda case: case.own is not Said.LISTED,
        "{store} does not list the app in {country}, nor an app of its own maker there: it may have no listings at all"
        " for that country.",
    ),
    StoreRule(
        "store.not_compared",
        Listing.INCONCLUSIVE,
        lambda case: len(case.others(Said.LISTED, Said.NOT_LISTED)) < _LEAST_COMPARED,
        "{store} does not list the app in {country}, and too little was learned about other countries: {problem}",
    ),
    StoreRule(
        "store.listed_nowhere",
        Listing.REMOVED_EVERYWHERE,
        lambda case: not case.others(Said.LISTED),
        "{store} lists the app neither in {country} nor in {without}.",
    ),
    StoreRule(
        "store.seldom_listed",
        Listing.INCONCLUSIVE,
        _is_seldom_listed,
        "{store} does not list the app in {country}, nor in {without}; only in {having}: it may never have been offered"
        " more widely.",
    ),
    StoreRule(
        "store.removed_here",
        Listing.REMOVED_HERE,
        lambda case: True,
        "{store} does not list the app in {country}; it does in {having}.",
    ),
)


def judge_listing(service: str, store: AppStore, app: str, country: str, questions: Sequence[Question]) -> StoreCheck:
    """What follows for an app. `questions` hold one about this app in this country."""
    case = StoreCase(store=store, app=app, country=country, questions=questions)
    rule = next(rule for rule in STORE_RULES if rule.when(case))
    here = case.here.measurement.observations
    return StoreCheck(
        service=service,
        store=store,
        app=app,
        country=country,
        listing=rule.listing,
        reason=Reason(
            code=rule.code,
            text=rule.text.format_map(_words(case)),
            observations=tuple(row.id for row in here if isinstance(row.detail, HttpDetail)),
        ),
        questions=tuple(questions),
        rules_version=STORE_RULES_VERSION,
    )


def _words(case: StoreCase) -> dict[str, str]:
    """The names that a rule's sentence may use."""
    unclear = [each.reason for each in case.others(Said.UNCLEAR) if each.reason is not None]
    title = STORES[case.store].title
    return {
        "store": title[0].upper() + title[1:],
        "country": case.country,
        "having": _names(case.others(Said.LISTED)),
        "without": _names(case.others(Said.NOT_LISTED)),
        "problem": unclear[0].text if unclear else "nothing else was asked.",
    }


def _names(questions: Sequence[Question]) -> str:
    return ", ".join(question.country for question in questions) or "none"
