"""The views: what is known now, for somebody who reads the file with SQL or Datasette.

Law: a view concludes nothing; it picks the newest verdict, and counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from probe.model import Outcome

# The newest verdict of each measurement is that with the highest id. Of several measurements of one target the one
# begun last counts; ids, sorted by time as text, settle a tie.
_NEWEST = """
    SELECT measurement.id AS measurement_id, measurement.started_at, measurement.vantage_id,
           target.name AS target, target.service,
           verdict.id AS verdict_id, verdict.outcome, verdict.methods, verdict.confidence,
           row_number() OVER (
               PARTITION BY {same}, measurement.vantage_id
               ORDER BY measurement.started_at DESC, measurement.id DESC
           ) AS age
    FROM measurement
    JOIN target ON target.id = measurement.target_id
    JOIN verdict ON verdict.id = (SELECT max(id) FROM verdict WHERE measurement_id = measurement.id)
"""

_LATEST = f"""
SELECT newest.target, newest.service, vantage.name AS vantage, vantage.country, vantage.asn, vantage.network,
       newest.outcome, newest.methods, newest.confidence, newest.started_at,
       reason.code AS reason_code, reason.text AS reason_text, newest.measurement_id
FROM ({_NEWEST.format(same="target.name")}) AS newest
JOIN vantage ON vantage.id = newest.vantage_id
LEFT JOIN reason ON reason.verdict_id = newest.verdict_id AND reason.number = 1
WHERE newest.age = 1
"""  # noqa: S608 - nothing in it comes from outside

# What was concluded of a service in the newest run that measured it whole; of several verdicts in it, the last made.
_CONCLUDED = """
    SELECT service_verdict.service, service_verdict.vantage_id, service_verdict.outcome, service_verdict.methods,
           service_verdict.confidence, service_verdict.text, service_verdict.run_id, run.started_at AS run_started_at,
           row_number() OVER (
               PARTITION BY service_verdict.service, service_verdict.vantage_id
               ORDER BY run.started_at DESC, run.id DESC, service_verdict.id DESC
           ) AS age
    FROM service_verdict JOIN run ON run.id = service_verdict.run_id
"""

# Not counted from v_latest: there a target measured by itself would take the place of the same one of a service.
_COUNTS = ",\n       ".join(f"sum(newest.outcome = '{outcome.value}') AS {outcome.value}" for outcome in Outcome)
_SERVICE = f"""
SELECT newest.service, vantage.name AS vantage, vantage.country, vantage.asn, vantage.network,
       count(*) AS targets,
       {_COUNTS},
       max(newest.started_at) AS started_at,
       concluded.outcome, concluded.methods, concluded.confidence, concluded.text, concluded.run_id,
       concluded.run_started_at
FROM ({_NEWEST.format(same="target.name, target.service")}) AS newest
JOIN vantage ON vantage.id = newest.vantage_id
LEFT JOIN ({_CONCLUDED}) AS concluded
    ON concluded.service = newest.service AND concluded.vantage_id = newest.vantage_id AND concluded.age = 1
WHERE newest.age = 1 AND newest.service IS NOT NULL
GROUP BY newest.service, newest.vantage_id
"""  # noqa: S608 - nothing in it comes from outside

VIEWS: Mapping[str, str] = {"v_latest": _LATEST, "v_service": _SERVICE}
