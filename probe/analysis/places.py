"""Which vantage points belong together: those of one network in one country, or of one country."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from probe.history import Judged, Place, Point

Grouped = Mapping[tuple[str, Place], Mapping[Point, Sequence[Judged]]]


class By(StrEnum):
    """What a place is."""

    NETWORK = "network"
    COUNTRY = "country"


def by_place(rows: Iterable[Judged], by: By = By.NETWORK, places: Mapping[Point, Place] | None = None) -> Grouped:
    """Each subject in each place: the verdicts of each vantage point there, in the order in which they come. `places`
    are those of `places_of`, where there are more vantage points than those of the rows."""
    rows = list(rows)
    places = places if places is not None else places_of(dict.fromkeys(row.point for row in rows), by)
    heard: dict[tuple[str, Point], list[Judged]] = defaultdict(list)
    for row in rows:
        heard[row.subject, row.point].append(row)
    found: dict[tuple[str, Place], dict[Point, list[Judged]]] = defaultdict(dict)
    for (subject, point), of_one in heard.items():
        found[subject, places[point]][point] = of_one
    return {key: found[key] for key in sorted(found)}


def places_of(points: Iterable[Point], by: By = By.NETWORK) -> dict[Point, Place]:
    """The place of each vantage point. Of a network that has several names, the one that most of them use."""
    points = list(points)
    if by is By.COUNTRY:
        return {point: Place(country=point.vantage.country) for point in points}
    names: dict[tuple[object, ...], Counter[str]] = defaultdict(Counter)
    for point in points:
        names[_network(point)][_name(point, points)] += 1
    called = {key: min(counts, key=lambda name: (not name, -counts[name], name)) for key, counts in names.items()}
    return {
        point: Place(
            country=point.vantage.country,
            asn=point.vantage.asn,
            network=called[_network(point)],
            known=bool(point.vantage.asn or point.vantage.network),
        )
        for point in points
    }


def _network(point: Point) -> tuple[object, ...]:
    """What is the same for vantage points of one network: its number, or else its name; without either, nothing is."""
    vantage = point.vantage
    if vantage.asn:
        return (vantage.country, vantage.asn)
    return (vantage.country, vantage.network.casefold()) if vantage.network else (vantage.country, point)


def _name(point: Point, points: Sequence[Point]) -> str:
    """Of its network; where that is not known, its own, with its database where others are called the same."""
    vantage = point.vantage
    if vantage.asn or vantage.network:
        return vantage.network or ""
    namesakes = sum(other.vantage == vantage for other in points)
    return vantage.name if namesakes == 1 else f"{vantage.name} in {point.source}"
