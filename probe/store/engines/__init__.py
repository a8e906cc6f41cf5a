"""What answers questions about verdicts: SQLite, DuckDB, Apache Spark.

Law: an engine shows tables as a database has them, times and lists as texts, so that a question is written once, in the
SQL that all of them know. What is concluded from the answers is no engine's business.
"""

from probe.store.engines.answers import VERDICT_TABLES, Answers, Engine, Tables
from probe.store.engines.sqlite import open_sqlite

__all__ = ["VERDICT_TABLES", "Answers", "Engine", "Tables", "open_sqlite"]
