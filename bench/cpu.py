"""CPU for each check: all contenders in turn, round after round, so that what else the machine does hits all alike."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.contenders import RATIOS, Bench, Contender, FailedError, Ratio


@dataclass(slots=True, kw_only=True)
class Costs:
    """What was measured, in CPU seconds for each target."""

    each: dict[str, float] = field(default_factory=dict)
    """By the contender's key: the median of the rounds."""
    spread: dict[str, tuple[float, float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """Why there is none."""

    def ratio(self, ratio: Ratio) -> float | None:
        if ratio.ours not in self.each or ratio.theirs not in self.each:
            return None
        return self.each[ratio.theirs] / self.each[ratio.ours]


def compare(bench: Bench, contenders: Sequence[Contender], *, few: int, many: int, rounds: int) -> Costs:
    """Each contender on a short list and on a long one, in every round."""
    costs, taken = Costs(), {each.key: list[float]() for each in contenders}
    costs.missing = {each.key: reason for each in contenders if (reason := each.missing()) is not None}
    for number in range(rounds):
        for each in contenders:
            if each.key in costs.missing:
                continue
            try:
                short, long = each.measure(bench, few), each.measure(bench, many)
            except FailedError as error:
                costs.missing[each.key] = " ".join(str(error).split())
                continue
            taken[each.key].append((long - short) / (many - few))
            print(f"round {number + 1} of {rounds}: {each.key} {taken[each.key][-1] * 1e6:.0f} µs", file=sys.stderr)
    for key, values in taken.items():
        if values and key not in costs.missing:
            costs.each[key], costs.spread[key] = statistics.median(values), (min(values), max(values))
    return costs


def table(costs: Costs, contenders: Sequence[Contender], ratios: Iterable[Ratio] = RATIOS) -> list[tuple[str, ...]]:
    """Rows for people: what, microseconds of CPU, from to, and how it stands to ours."""
    rows = [("", "CPU µs each", "min-max", "theirs / ours", "asked")]
    against = {ratio.theirs: [each for each in ratios if each.theirs == ratio.theirs] for ratio in ratios}
    for each in contenders:
        if each.key in costs.missing:
            rows.append((each.title, "-", costs.missing[each.key], "", ""))
            continue
        if each.key not in costs.each:
            continue
        low, high = costs.spread[each.key]
        stands = [(found, r) for r in against.get(each.key, ()) if (found := costs.ratio(r)) is not None]
        rows.append(
            (
                each.title,
                f"{costs.each[each.key] * 1e6:,.0f}",
                f"{low * 1e6:,.0f}-{high * 1e6:,.0f}",
                ", ".join(f"{found:.2f} ({r.ours})" for found, r in stands),
                ", ".join(f"≥ {r.asked:g}" for _, r in stands),
            )
        )
    return rows
