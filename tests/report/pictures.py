"""`make pictures`: the page of May 2017 (`tests.analysis.week`), as a phone and a desk show it, into docs/."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from probe.cli.analysis import report
from tests.analysis.week import record
from tests.report.browser import CHROMIUM, MISSING, screenshot

DOCS = Path(__file__).parents[2] / "docs"
SIZES = ((400, 700), (1400, 780))


def main() -> int:
    if CHROMIUM is None:
        print(MISSING, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        page = Path(folder) / "week.html"
        report(page, record(Path(folder)))
        for width, height in SIZES:
            screenshot(page, DOCS / f"report-{width}.png", width, height)
    return 0


if __name__ == "__main__":
    sys.exit(main())
