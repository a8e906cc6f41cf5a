"""A roster is an ordered set of texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probe.roster import Roster


@given(st.lists(st.text(max_size=8), max_size=600))
def test_it_is_what_a_dictionary_with_ordered_keys_is(texts: list[str]) -> None:
    roster, numbers = Roster(), [0] * 0
    known = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    numbers = [roster.add(text) for text in texts]
    assert numbers == [known[text] for text in texts]
    assert list(roster) == list(known)
    assert len(roster) == len(known)
    assert all(text in roster for text in known)
    assert "not one of them" not in roster
    assert [roster[number] for number in known.values()] == list(known)


def test_it_grows_without_losing_any() -> None:
    names = [f"https://name{number}.example/" for number in range(10_000)]
    roster = Roster([*names, *reversed(names)])
    assert list(roster) == names
    assert roster[-1] == names[-1]
    assert list(roster[3:5]) == names[3:5]
