"""Measurements that others made, read from files: one file a format."""

from probe.imports.files import UnreadableError
from probe.imports.recording import Importer, Skipped

__all__ = ["Importer", "Skipped", "UnreadableError"]
