"""The file for Prometheus: what became of a run, replaced in one step, with nothing of the volunteer in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from probe.model import Outcome
from probe.report.prometheus import RunReport, metrics_text
from probe.service import ServiceVerdict
from tests.cli import alone
from tests.cli.lists import write_list
from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, control, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import Access, Reset, Rule, Sni, Spec

_SAMPLE = re.compile(r'([a-z_]+)((?:\{[a-z]+="[^"\n]*"(?:,[a-z]+="[^"\n]*")*\})?) ([0-9.e+-]+)')
_OFFLINE = Access(online=False)
BEGIN = datetime(2026, 11, 24, tzinfo=UTC)


def samples(text: str) -> Mapping[str, float]:
    """Each sample of the text format, every one of a family that is described before it."""
    found: dict[str, float] = {}
    described: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            described.add(line.split()[2])
        elif not line.startswith("# HELP "):
            matched = _SAMPLE.fullmatch(line)
            assert matched is not None, line
            assert matched[1] in described
            assert matched[1] + matched[2] not in found
            found[matched[1] + matched[2]] = float(matched[3])
    return found


def test_a_run_in_figures(country: World) -> None:
    rules = (Rule(when=Sni(name="c.example"), do=Reset()),)
    country.become(Spec(sites=(https("a.example", at(1)), https("c.example", at(2))), rules=rules))
    lists = [write_list(country.home / f"{name}.toml", [url]) for name, url in _LISTS.items()]
    file, database = country.home / "probe.prom", country.home / "metrics.sqlite"
    words = [word for path in lists for word in ("--targets", str(path))]
    words += ["--control", CONTROL_URL, "--timeout", "3", "--db", str(database)]
    with control(country):
        assert probe(country, "run", *words, PROBE_METRICS=str(file)).returncode == 3
    text = file.read_text()
    first = samples(text)
    assert {name: first[name] for name in _FIRST} == _FIRST
    assert 'probe_last_success_timestamp_seconds{service="censored"}' not in first
    (run,) = alone.ask(database, "SELECT started_at, finished_at FROM run")
    began = datetime.fromisoformat(run["started_at"]).timestamp()
    assert first['probe_last_success_timestamp_seconds{service="well"}'] == began
    assert abs(first["probe_run_start_timestamp_seconds"] - began) < 5
    lasted = (datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run["started_at"])).total_seconds()
    assert lasted <= first["probe_run_duration_seconds"] < lasted + 5
    assert 0 < first['probe_duration_seconds{service="well"}'] < first['probe_duration_seconds{service="censored"}']
    assert not re.search(r"192\.|2620:|\.example|RU", text)
    assert file.stat().st_mode & 0o777 == 0o644

    country.become(Spec(sites=(), access=_OFFLINE))
    assert probe(country, "run", *words, "--metrics", str(file)).returncode == 75
    second = samples(file.read_text())
    assert (second["probe_run_complete"], second["probe_run_exit_status"]) == (0, 75)
    assert second['probe_last_success_timestamp_seconds{service="well"}'] == began
    assert not any(name.startswith("probe_success") for name in second)
    assert not list(country.home.glob(".probe.prom*"))

    nowhere = probe(country, "run", *words, "--metrics", str(country.home / "no" / "probe.prom"))
    assert nowhere.returncode == 75
    assert "--metrics" in nowhere.stderr
    assert "cannot be written: no such file or directory" in nowhere.stderr


_LISTS = {"well": "https://a.example/", "censored": "https://c.example/"}
_FIRST = {
    'probe_success{service="well"}': 1,
    'probe_success{service="censored"}': 0,
    'probe_service_outcome{service="well",outcome="ok"}': 1,
    'probe_service_outcome{service="censored",outcome="ok"}': 0,
    'probe_service_outcome{service="censored",outcome="blocked"}': 1,
    'probe_targets{outcome="ok"}': 1,
    'probe_targets{outcome="blocked"}': 1,
    'probe_targets{outcome="down"}': 0,
    "probe_run_complete": 1,
    "probe_run_exit_status": 3,
}


def test_a_name_is_no_second_label() -> None:
    verdict = ServiceVerdict(run_id="r", service='a"} 1\n\\', outcome=Outcome.OK, text="", roles=(), rules_version="1")
    text = metrics_text(
        RunReport(
            started_at=BEGIN,
            ended_at=BEGIN - timedelta(days=1),  # the clock jumped back
            status=0,
            complete=True,
            outcomes=(),
            services=(verdict,),
            durations={},
            last_success={},
        )
    )
    assert 'probe_success{service="a\\"} 1\\n\\\\"} 1\n' in text
    assert "\nprobe_run_duration_seconds 0.0\n" in text
