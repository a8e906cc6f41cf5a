"""What a check does, as recipes over the steps."""

from probe.checks.check import CHECKS, measure, measure_at
from probe.checks.follow_up import follow_up

__all__ = ["CHECKS", "follow_up", "measure", "measure_at"]
