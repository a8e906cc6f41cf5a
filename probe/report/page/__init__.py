"""One HTML page of what is known, whole in one file."""

from probe.report.page.document import Facts, document

__all__ = ["Facts", "document"]
