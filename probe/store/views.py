"""The views: what is known now, for somebody who reads the file with SQL or Datasette.

Law: a view concludes nothing; it picks the newest verdict, and counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from probe.model import Outcome

# The newest verdict of each measurement is that with the highest id. Of several measurements of one target the one
# begun last counts; ids, sorted by time as text, settle a tie. Of each row of `target` the last is found first, so that
# verdicts are looked up, and times sorted, for few: SQLite takes the other columns from the row that has the max().
_NEWEST = """
    SELECT last.id AS measurement_id, last.started_at, last.vantage_id, last.target, last.service,
           verdict.id AS verdict_id, verdict.outcome, verdict.methods, verdict.confidence
    FROM (
        SELECT found.id, found.started_at, found.vantage_id, target.name AS target, target.service,
               row_number() OVER (PARTITION BY {same}, found.vantage_id ORDER BY found.latest DESC) AS age
        FROM (
            SELECT id, started_at, target_id, vantage_id, max(started_at || id) AS latest
            FROM measurement WHERE id IN (SELECT measurement_id FROM verdict)
            GROUP BY target_id, vantage_id
        ) AS found
        JOIN target ON target.id = found.target_id
    ) AS last
    JOIN verdict ON verdict.id = (SELECT max(id) FROM verdict WHERE measurement_id = last.id)
    WHERE last.age = 1
"""

_LATEST = f"""
SELECT newest.target, newest.service, vantage.name AS vantage, vantage.country, vantage.asn, vantage.network,
       newest.outcome, newest.methods, newest.confidence, newest.started_at,
       reason.code AS reason_code, reason.text AS reason_text, newest.measurement_id
FROM ({_NEWEST.format(same="target.name")}) AS newest
JOIN vantage ON vantage.id = newest.vantage_id
LEFT JOIN reason ON reason.verdict_id = newest.verdict_id AND reason.number = 1
"""  # noqa: S608 - nothing in it comes from outside

# What was concluded of a service in the newest run that measured it whole; of several verdicts in it, the last made.
_CONCLUDED = """
    SELECT judged.*, last.started_at AS run_started_at
    FROM (
        SELECT service_verdict.id, run.started_at, row_number() OVER (
            PARTITION BY service_verdict.service, service_verdict.vantage_id
            ORDER BY run.started_at DESC, run.id DESC, service_verdict.id DESC
        ) AS age
        FROM service_verdict JOIN run ON run.id = service_verdict.run_id
    ) AS last
    JOIN service_verdict AS judged ON judged.id = last.id
    WHERE last.age = 1
"""

# Not counted from v_latest: there a target measured by itself would take the place of the same one of a service. What
# was concluded comes in as one more row of its group: a join would compare every group with every conclusion.
_COUNTS = ",\n       ".join(f"sum(each.found = '{outcome.value}') AS {outcome.value}" for outcome in Outcome)
_SERVICE = f"""
SELECT each.service, vantage.name AS vantage, vantage.country, vantage.asn, vantage.network,
       count(each.found) AS targets,
       {_COUNTS},
       max(each.started_at) AS started_at,
       max(each.outcome) AS outcome, max(each.methods) AS methods, max(each.confidence) AS confidence,
       max(each.text) AS text, max(each.run_id) AS run_id, max(each.run_started_at) AS run_started_at
FROM (
    SELECT service, vantage_id, outcome AS found, started_at,
           NULL AS outcome, NULL AS methods, NULL AS confidence, NULL AS text, NULL AS run_id, NULL AS run_started_at
    FROM ({_NEWEST.format(same="target.name, target.service")}) WHERE service IS NOT NULL
    UNION ALL
    SELECT service, vantage_id, NULL, NULL, outcome, methods, confidence, text, run_id, run_started_at
    FROM ({_CONCLUDED})
) AS each
JOIN vantage ON vantage.id = each.vantage_id
GROUP BY each.service, each.vantage_id
HAVING count(each.found) > 0
"""  # noqa: S608 - nothing in it comes from outside

VIEWS: Mapping[str, str] = {"v_latest": _LATEST, "v_service": _SERVICE}
