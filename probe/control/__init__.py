"""A control vantage point: being one (`server`), asking one (`client`), and the form between them (`wire`)."""

from probe.control.client import ControlClient

__all__ = ["ControlClient"]
