"""Datasets for researchers, made from the database: one file a format, one table of them."""

from probe.exports.files import ExportError, Seen
from probe.exports.package import LICENCES, About
from probe.exports.rows import Redacted
from probe.exports.writing import FORMATS, check_output, export

__all__ = ["FORMATS", "LICENCES", "About", "ExportError", "Redacted", "Seen", "check_output", "export"]
