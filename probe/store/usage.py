"""What this machine's own measurements have cost its line since a moment, by the rows that they left."""

from __future__ import annotations

import sqlite3

from probe.budget import Traffic, cost
from probe.words import StepName

_KINDS = """
SELECT seen.step, seen.transport, sum(ifnull(seen.response, 1) = 1),
    sum(ifnull(seen.received, 0) + ifnull(seen.bytes_sent, 0) + ifnull(seen.bytes_received, 0))
FROM {0}measurement AS made JOIN {0}observation AS seen ON seen.measurement_id = made.id
WHERE made.started_at >= :since AND ifnull(made.run_id, '') NOT IN (SELECT run_id FROM run_source)
GROUP BY seen.step, seen.transport
"""
_ANSWERS = """
SELECT count(*) FROM measurement AS made JOIN comparison ON comparison.measurement_id = made.id
WHERE made.started_at >= :since AND ifnull(made.run_id, '') NOT IN (SELECT run_id FROM run_source)
"""


def usage(connection: sqlite3.Connection, since: str) -> Traffic:
    """Of what was begun since this moment."""
    values = {"since": since}
    kinds = [row for table in ("", "store_") for row in connection.execute(_KINDS.format(table), values)]
    answers = int(connection.execute(_ANSWERS, values).fetchone()[0])
    return cost([(StepName(step), transport, count, known) for step, transport, count, known in kinds], answers)
