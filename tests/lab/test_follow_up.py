"""How long it takes to find out why something failed: experiments that wait do so side by side."""

from __future__ import annotations

from pathlib import Path

from tests.cli.alone import ask
from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, control, lines, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import Drop, Rule, Sni, Spec

_SILENT = Spec(sites=(https("silent.example", at(1)),), rules=(Rule(when=Sni(name="silent.example"), do=Drop()),))
_WAITING = "('repeat', 'split_segments', 'split_records')"


def _spans(database: Path) -> list[tuple[float, float]]:
    """When each handshake of these experiments began and ended."""
    sql = f"SELECT started, started + runtime AS ended FROM observation WHERE step = 'tls' AND experiment IN {_WAITING}"
    return [(row["started"], row["ended"]) for row in ask(database, sql)]


def test_a_name_that_is_met_with_silence_is_waited_for_once(lab: None) -> None:
    with World(_SILENT) as world, control(world):
        database = world.home / "silent.sqlite"
        done = probe(world, "check", "https://silent.example/", "--control", CONTROL_URL, "--json", "--timeout", "3",
                     "--db", str(database))  # fmt: skip
        (line,) = lines(done)
        assert (line["outcome"], line["methods"], line["confidence"]) == ("blocked", ["tls"], "confirmed")
        spans = _spans(database)
        assert len(spans) == 3
        assert max(began for began, _ in spans) < min(ended for _, ended in spans)
        told = probe(world, "explain", line["measurement_id"], "--db", str(database)).stdout.splitlines()
    heads = [said for said in told if said.startswith("  - ")]
    assert len(heads) == len(set(heads)) == 4, told
