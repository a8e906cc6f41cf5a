"""The jobs of the reliability page, by name: a new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from tests.reliability import abuse, faults, fuzz, hostile, kills, units, year
from tests.reliability.job import Job

JOBS: Mapping[str, Job] = {
    "kills": kills.JOB,
    "faults": faults.JOB,
    "year": year.JOB,
    "hostile": hostile.JOB,
    "fuzz": fuzz.JOB,
    "abuse": abuse.JOB,
    "units": units.JOB,
}
"""In the order of the page."""
