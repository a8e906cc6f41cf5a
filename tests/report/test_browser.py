"""The page in a real browser: it fits, can be read in the light and in the dark, loads nothing and runs nothing."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from probe.analysis import by_place, compare, timeline
from probe.history import Evidence, Judged
from probe.model import Confidence, Outcome
from probe.report.page import Facts, document
from tests.analysis.rows import at, judged, together
from tests.report.browser import CHROMIUM, MISSING, ask, screenshot

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason=MISSING), pytest.mark.timeout(600)]

_HOSTILE = "</style></details><script>document.title='taken'</script><img src=x onerror=document.title='taken'>" * 3
_LONG = "a-name-without-any-place-to-break-it" * 5
# Each network with what its vantage points saw: every outcome, and a disagreement.
_NETWORKS = ("oobbbboo", "ooBBBBBB", "oooooddd", "oooorrrr", "oo??????", "oobo", "oooooooo")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows: list[Sequence[Judged]] = []
    for number, letters in enumerate(_NETWORKS):
        for subject in ("line", "wechat", _LONG, _HOSTILE[:90]):
            here = at(f"v{number}", asn=64496 + number, network=(f"Network {number}", _LONG, _HOSTILE)[number % 3])
            rows.append([replace(row, reason=_HOSTILE) for row in judged(letters, here, subject)])
    rows.append(judged("bbbbbbbb", at("other", asn=64502, network="Network 6"), "line"))
    history = together(*rows)
    facts = Facts(
        cells=compare(history, timedelta(days=7)),
        blocks=timeline(history),
        seen={key: [row for each in heard.values() for row in each] for key, heard in by_place(history).items()},
        kind="service",
        days=7,
        databases=("a.sqlite", _HOSTILE),
        rules_versions=("1",),
        software="probe",
    )
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(document(facts, _evidence), "utf-8")
    return path


def _evidence(verdict: Judged) -> tuple[Evidence, ...]:
    return (
        Evidence(
            measurement_id="019ca6b1-dcfa-767d-8709-5526d548052b",
            target=f"https://{_LONG}/",
            outcome=verdict.outcome,
            methods=verdict.methods,
            confidence=Confidence.LIKELY if verdict.outcome is Outcome.BLOCKED else None,
            code=_HOSTILE,
        ),
    )


@pytest.mark.parametrize(("width", "dark", "opened"), [(400, False, True), (400, True, False), (1400, True, True)])
def test_it_fits_and_can_be_read(page: Path, width: int, dark: bool, opened: bool) -> None:
    said = ask(page, width, dark=dark, opened=opened)
    assert said["width"] <= width
    assert said["pale"] == []
    assert (said["title"], said["scripts"], said["loaded"]) == ("Who can reach what", 0, 0)
    assert said["cells"] == len(_NETWORKS) * 4
    assert said["ground"] == ("rgb(22, 23, 26)" if dark else "rgb(253, 253, 251)")


@pytest.mark.parametrize("width", [400, 1400])
def test_a_picture_of_it(page: Path, tmp_path: Path, width: int) -> None:
    screenshot(page, tmp_path / "page.png", width, 900)
    data = (tmp_path / "page.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (width, 900)
    assert len(data) > 20_000
