"""Which controls count, and what they say together.

Law: pure. A control that could not look says nothing; one place speaks once, by however many names it is asked; one
that may sit behind the same censor is heard only where there is no other. Two that disagree leave it open; of three
or more, two thirds decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.failure import Failure
from probe.model import Vantage

NO_WAY_OUT = frozenset({Failure.NETWORK_UNREACHABLE, Failure.NETWORK_DOWN, Failure.ADDRESS_NOT_AVAILABLE})
"""A host's own network is at fault."""
OF_THE_NAME = frozenset(
    {Failure.DNS_NXDOMAIN, Failure.DNS_NO_ANSWER, Failure.DNS_SERVFAIL, Failure.DNS_SERVER_MISBEHAVING}
)
"""What a resolver says of a name. That it refuses to answer, or keeps silent, says nothing of the name."""
UNKNOWN_COUNTRY = "ZZ"
UNKNOWN_ASN = 0
_LEAST_VOTES = 3
_LEAST_SHARE = (2, 3)
"""Of the places that were heard, how many must agree: two of three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What one control has to say of a target."""

    vantage: Vantage
    measurement_id: str
    works: bool | None
    """Whether the target works from there; None where nothing was learned about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the controls say together. Numbers are those of the voices, from 0."""

    works: bool | None = None
    """Whether the target works from them; None where there are none, or they disagree."""
    heard: tuple[int, ...] = ()
    """Those that the verdict stands on: the ones that agree, or all that count where they do not."""
    overruled: tuple[int, ...] = ()
    """Those that saw it otherwise than the clear majority."""
    is_near: bool = False
    """All that were heard are in the country or network of the vantage point itself."""

    @property
    def compared(self) -> tuple[int, ...]:
        """Those whose word was weighed."""
        return tuple(sorted((*self.heard, *self.overruled)))


def weigh(here: Vantage, voices: Sequence[Voice]) -> Opinion:
    """The opinion of the controls on one target, as it is heard at `here`."""
    able = [number for number, voice in enumerate(voices) if voice.works is not None]
    far = [number for number in able if not is_near(here, voices[number].vantage)]
    places = _places(voices, far or able)
    opinions = [_opinion(voices, place) for place in places]
    works = _agreed(opinions)
    agreeing = [place for place, opinion in zip(places, opinions, strict=True) if works in (None, opinion)]
    heard = sorted(number for place in agreeing for number in place)
    return Opinion(
        works=works,
        heard=tuple(heard),
        overruled=tuple(sorted({number for place in places for number in place} - set(heard))),
        is_near=bool(able) and not far,
    )


def is_near(here: Vantage, control: Vantage) -> bool:
    """Whether a control is in the country or the network of a vantage point; what is unknown is never the same."""
    same_country = here.country == control.country != UNKNOWN_COUNTRY
    return same_country or here.asn == control.asn != UNKNOWN_ASN


def _places(voices: Sequence[Voice], numbers: Sequence[int]) -> list[list[int]]:
    """The voices by the place they come from: the same vantage point, or the very same measurement."""
    places: list[list[int]] = []
    for number in numbers:
        own = [place for place in places if any(_are_one(voices[number], voices[other]) for other in place)]
        places = [place for place in places if place not in own]
        places.append([*(other for place in own for other in place), number])
    return places


def _are_one(voice: Voice, other: Voice) -> bool:
    return voice.vantage == other.vantage or voice.measurement_id == other.measurement_id


def _opinion(voices: Sequence[Voice], place: Sequence[int]) -> bool | None:
    """What one place says; None where it says both, and so agrees with nobody."""
    said = {voices[number].works for number in place}
    return said.pop() if len(said) == 1 else None


def _agreed(opinions: Sequence[bool | None]) -> bool | None:
    share, whole = _LEAST_SHARE
    all_of_them = len(opinions) < _LEAST_VOTES
    for works in (True, False):
        votes = opinions.count(works)
        enough = votes == len(opinions) if all_of_them else votes * whole >= len(opinions) * share
        if votes and enough:
            return works
    return None
