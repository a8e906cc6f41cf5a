"""Tells, with evidence, whether messaging services are reachable from here, and if not, who is in the way."""

__version__ = "0.1.0"
