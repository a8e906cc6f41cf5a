"""What may leave, made from the database: datasets, one file a format, and a database for everybody to read."""

from probe.exports.files import ExportError, Seen
from probe.exports.package import LICENCES, About
from probe.exports.publishing import DATABASE, METADATA, publish
from probe.exports.rows import Redacted
from probe.exports.workers import Workers
from probe.exports.writing import FORMATS, check_output, export

__all__ = [
    "DATABASE",
    "FORMATS",
    "LICENCES",
    "METADATA",
    "About",
    "ExportError",
    "Redacted",
    "Seen",
    "Workers",
    "check_output",
    "export",
    "publish",
]
