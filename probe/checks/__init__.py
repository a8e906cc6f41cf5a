"""What a check does, as recipes over the steps."""

from probe.checks.check import CHECKS, measure, measure_at
from probe.checks.follow_up import follow_up
from probe.checks.inquiry import NeutralGround
from probe.checks.locate import locate

__all__ = ["CHECKS", "NeutralGround", "follow_up", "locate", "measure", "measure_at"]
