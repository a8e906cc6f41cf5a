"""What a check does, as recipes over the steps."""

from probe.checks.check import CHECKS, measure

__all__ = ["CHECKS", "measure"]
