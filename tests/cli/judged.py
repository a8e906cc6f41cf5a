"""Databases whose verdicts `probe classify` changes, as datasets too, and fingerprints that change more of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from probe.classify import classify, judge
from probe.failure import Failure as F
from probe.model import Measurement, Outcome, Result, Role
from probe.service import Need, ServiceVerdict
from probe.store import Store
from tests.classify.golden import GOLDEN
from tests.classify.stories import CONTROL, FORGED, HERE, HTTPS, Saw, well
from tests.store.examples import a_result, a_run

OWN = f"""
[[fingerprint]]
id = "own"
scope = "isp"
weight = "proof"
source = "me"
addresses = ["{FORGED}"]
"""
"""An address that only some volunteer knows for a blocker's."""


def golden(path: Path) -> Path:
    """Every golden case, each in the run of a host like its own, judged rightly but for the first one."""
    runs = {host: f"0199-run-{number}" for number, host in enumerate({golden.host: None for golden in GOLDEN})}
    with Store.open(path) as store:
        for host, run_id in runs.items():
            store.begin_run(a_run(run_id, host=host))
        for number, golden in enumerate(GOLDEN):
            mine = golden.mine.measured(golden.target, HERE)
            mine = replace(mine, id=f"0199-{number:03}", run_id=runs[golden.host])
            controls = tuple(
                replace(saw.measured(golden.target, CONTROL), id=f"0199-{number:03}-{other}", run_id=None)
                for other, saw in enumerate(golden.controls)
            )
            verdict = classify(mine, controls, golden.host)
            if number == 0:
                wrong = Outcome.OK if verdict.outcome is not Outcome.OK else Outcome.DOWN
                verdict = replace(verdict, outcome=wrong, methods=(), confidence=None, rules_version="0")
            store.add([Result(measurement=mine, controls=controls, verdict=verdict)])
    return path


def world(path: Path) -> Path:
    """The same, and a service in several runs: concluded wrongly, rightly, and not at all, once measured only in part;
    several controls, and a measurement with a value in every column. Of those of a service, later ones have lesser
    ids."""
    golden(path)
    target, other = replace(HTTPS, service="s", role=Role.WEB), replace(HTTPS, host="b.line.me", service="s")
    need = Need(service="s", targets=1, all_of=(Role.WEB,))
    lied = Saw().dns(FORGED, tries=2).tcp(FORGED).tls(FORGED, F.SSL_INVALID_HOSTNAME, leaf="stub")
    control = replace(well().measured(target, CONTROL), id="z-control", run_id=None)
    controls = (control, replace(control, id="a-control", vantage=replace(CONTROL, name="second", country="SE")))
    with Store.open(path) as store:
        for number, (saw, targets) in enumerate([(lied, 1), (well(), 1), (lied, 1), (well(), 2), (lied, 1)]):
            run = a_run(f"run-{number}", services=(replace(need, targets=targets),))
            store.begin_run(run)
            for name, each in (("s", target), ("t", other)):
                mine = _begun(saw.measured(each, HERE), f"{name}-{9 - number}", run.id, number)
                store.add([Result(measurement=mine, controls=controls, verdict=classify(mine, controls, run.host))])
        wrong = ServiceVerdict(run_id="run-1", service="s", outcome=Outcome.REFUSED, text="?", rules_version="1")
        right = judge(need, "run-4", store.judged("run-4"))
        assert right is not None
        store.add_service_verdicts([wrong, right])
        store.begin_run(a_run("run-of-everything"))
        store.add([a_result("everything", run_id="run-of-everything")])
        store.begin_run(a_run("run-of-nothing", services=(need,)))
    return path


def _begun(mine: Measurement, measurement_id: str, run_id: str, number: int) -> Measurement:
    return replace(mine, id=measurement_id, run_id=run_id, started_at=mine.started_at + timedelta(seconds=number))
