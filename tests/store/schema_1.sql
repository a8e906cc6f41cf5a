CREATE INDEX "idx_comparison_control_measurement_id"
    ON "comparison" ("control_measurement_id");

CREATE INDEX "idx_control_measurement_started_at"
    ON "control_measurement" ("started_at");

CREATE INDEX "idx_control_measurement_target_id"
    ON "control_measurement" ("target_id");

CREATE INDEX "idx_control_measurement_vantage_id"
    ON "control_measurement" ("vantage_id");

CREATE INDEX "idx_listing_question_store_measurement_id"
    ON "listing_question" ("store_measurement_id");

CREATE INDEX "idx_listing_run_id"
    ON "listing" ("run_id");

CREATE INDEX "idx_listing_service"
    ON "listing" ("service");

CREATE INDEX "idx_measurement_run_id"
    ON "measurement" ("run_id");

CREATE INDEX "idx_measurement_started_at"
    ON "measurement" ("started_at");

CREATE INDEX "idx_measurement_target_id"
    ON "measurement" ("target_id");

CREATE INDEX "idx_measurement_vantage_id"
    ON "measurement" ("vantage_id");

CREATE INDEX "idx_run_source_source_id"
    ON "run_source" ("source_id");

CREATE INDEX "idx_run_vantage_id"
    ON "run" ("vantage_id");

CREATE INDEX "idx_service_verdict_service"
    ON "service_verdict" ("service");

CREATE INDEX "idx_service_verdict_vantage_id"
    ON "service_verdict" ("vantage_id");

CREATE INDEX "idx_store_measurement_run_id"
    ON "store_measurement" ("run_id");

CREATE INDEX "idx_store_measurement_started_at"
    ON "store_measurement" ("started_at");

CREATE INDEX "idx_store_measurement_target_id"
    ON "store_measurement" ("target_id");

CREATE INDEX "idx_store_measurement_vantage_id"
    ON "store_measurement" ("vantage_id");

CREATE INDEX "idx_target_host"
    ON "target" ("host");

CREATE INDEX "idx_target_service"
    ON "target" ("service");

CREATE UNIQUE INDEX unique_service_verdict ON service_verdict (run_id, service, rules_version);

CREATE UNIQUE INDEX unique_source ON source (sha256);

CREATE UNIQUE INDEX unique_target ON target (name, ifnull(speaks, x''), ifnull(service, x''), ifnull(role, x''), certainty, ifnull(retired, x''), roots);

CREATE UNIQUE INDEX unique_vantage ON vantage (name, country, asn, ifnull(network, x''));

CREATE UNIQUE INDEX unique_verdict ON verdict (measurement_id, rules_version);

CREATE TABLE "body" (
   "sha256" TEXT PRIMARY KEY NOT NULL,
   "length" INTEGER NOT NULL,
   "compressed" BLOB NOT NULL
);

CREATE TABLE "certificate" (
   "sha256" TEXT PRIMARY KEY NOT NULL,
   "der" BLOB NOT NULL
);

CREATE TABLE "comparison" (
   "measurement_id" TEXT NOT NULL REFERENCES "measurement"("id"),
   "number" INTEGER NOT NULL,
   "control_measurement_id" TEXT NOT NULL REFERENCES "control_measurement"("id"),
   PRIMARY KEY ("measurement_id", "number")
);

CREATE TABLE "control_measurement" (
   "id" TEXT PRIMARY KEY NOT NULL,
   "title" TEXT NOT NULL,
   "target_id" INTEGER NOT NULL REFERENCES "target"("id"),
   "vantage_id" INTEGER NOT NULL REFERENCES "vantage"("id"),
   "started_at" TEXT NOT NULL,
   "runtime" REAL NOT NULL,
   "lag" REAL
);

CREATE TABLE "control_observation" (
   "measurement_id" TEXT NOT NULL REFERENCES "control_measurement"("id"),
   "id" INTEGER NOT NULL,
   "step" TEXT NOT NULL,
   "started" REAL NOT NULL,
   "runtime" REAL NOT NULL,
   "attempt" INTEGER NOT NULL,
   "hop" INTEGER NOT NULL,
   "experiment" TEXT,
   "hop_limit" INTEGER,
   "router" TEXT,
   "failure" TEXT,
   "error" TEXT,
   "hostname" TEXT,
   "query_type" TEXT,
   "resolver_address" TEXT,
   "resolver_port" INTEGER,
   "transport" TEXT,
   "response" INTEGER,
   "rcode" TEXT,
   "flags" TEXT,
   "answers" TEXT,
   "answers_truncated" INTEGER,
   "address" TEXT,
   "port" INTEGER,
   "round_trip" REAL,
   "resent" INTEGER,
   "server_name" TEXT,
   "tls_version" TEXT,
   "cipher" TEXT,
   "alpn" TEXT,
   "certificates" TEXT,
   "subject" TEXT,
   "issuer" TEXT,
   "not_before" TEXT,
   "not_after" TEXT,
   "alternative_names" TEXT,
   "public_key_sha256" TEXT,
   "root_sha256" TEXT,
   "root_is_public" INTEGER,
   "url" TEXT,
   "method" TEXT,
   "status" INTEGER,
   "http_version" TEXT,
   "headers" TEXT,
   "title" TEXT,
   "excerpt" TEXT,
   "outline" TEXT,
   "refresh" TEXT,
   "refresh_seconds" INTEGER,
   "body_sha256" TEXT,
   "body_length" INTEGER,
   "body_truncated" INTEGER,
   "head_after" REAL,
   "received" INTEGER,
   "received_after" REAL,
   "recognised" INTEGER,
   "protocol" TEXT,
   "bytes_sent" INTEGER,
   "bytes_received" INTEGER,
   "first_bytes" TEXT,
   PRIMARY KEY ("measurement_id", "id"),
   CHECK (step IN ('dns', 'tcp', 'tls', 'http', 'quic', 'greeting'))
);

CREATE TABLE "listing" (
   "id" INTEGER PRIMARY KEY NOT NULL,
   "title" TEXT NOT NULL,
   "run_id" TEXT REFERENCES "run"("id"),
   "service" TEXT NOT NULL,
   "store" TEXT NOT NULL,
   "app" TEXT NOT NULL,
   "country" TEXT NOT NULL,
   "listing" TEXT NOT NULL,
   "code" TEXT NOT NULL,
   "text" TEXT NOT NULL,
   "observations" TEXT NOT NULL,
   "rules_version" TEXT NOT NULL,
   "made_at" TEXT NOT NULL,
   CHECK (store IN ('apple', 'google')),
   CHECK (listing IN ('listed', 'removed_here', 'removed_everywhere', 'inconclusive'))
);

CREATE TABLE "listing_question" (
   "listing_id" INTEGER NOT NULL REFERENCES "listing"("id"),
   "number" INTEGER NOT NULL,
   "country" TEXT NOT NULL,
   "app" TEXT NOT NULL,
   "said" TEXT NOT NULL,
   "code" TEXT,
   "text" TEXT,
   "observations" TEXT,
   "store_measurement_id" TEXT NOT NULL REFERENCES "store_measurement"("id"),
   PRIMARY KEY ("listing_id", "number"),
   CHECK (said IN ('listed', 'not_listed', 'unclear'))
);

CREATE TABLE "mark" (
   "name" TEXT PRIMARY KEY NOT NULL,
   "value" TEXT NOT NULL
);

CREATE TABLE "measurement" (
   "id" TEXT PRIMARY KEY NOT NULL,
   "title" TEXT NOT NULL,
   "run_id" TEXT REFERENCES "run"("id"),
   "target_id" INTEGER NOT NULL REFERENCES "target"("id"),
   "vantage_id" INTEGER NOT NULL REFERENCES "vantage"("id"),
   "started_at" TEXT NOT NULL,
   "runtime" REAL NOT NULL,
   "lag" REAL
);

CREATE TABLE "observation" (
   "measurement_id" TEXT NOT NULL REFERENCES "measurement"("id"),
   "id" INTEGER NOT NULL,
   "step" TEXT NOT NULL,
   "started" REAL NOT NULL,
   "runtime" REAL NOT NULL,
   "attempt" INTEGER NOT NULL,
   "hop" INTEGER NOT NULL,
   "experiment" TEXT,
   "hop_limit" INTEGER,
   "router" TEXT,
   "failure" TEXT,
   "error" TEXT,
   "hostname" TEXT,
   "query_type" TEXT,
   "resolver_address" TEXT,
   "resolver_port" INTEGER,
   "transport" TEXT,
   "response" INTEGER,
   "rcode" TEXT,
   "flags" TEXT,
   "answers" TEXT,
   "answers_truncated" INTEGER,
   "address" TEXT,
   "port" INTEGER,
   "round_trip" REAL,
   "resent" INTEGER,
   "server_name" TEXT,
   "tls_version" TEXT,
   "cipher" TEXT,
   "alpn" TEXT,
   "certificates" TEXT,
   "subject" TEXT,
   "issuer" TEXT,
   "not_before" TEXT,
   "not_after" TEXT,
   "alternative_names" TEXT,
   "public_key_sha256" TEXT,
   "root_sha256" TEXT,
   "root_is_public" INTEGER,
   "url" TEXT,
   "method" TEXT,
   "status" INTEGER,
   "http_version" TEXT,
   "headers" TEXT,
   "title" TEXT,
   "excerpt" TEXT,
   "outline" TEXT,
   "refresh" TEXT,
   "refresh_seconds" INTEGER,
   "body_sha256" TEXT,
   "body_length" INTEGER,
   "body_truncated" INTEGER,
   "head_after" REAL,
   "received" INTEGER,
   "received_after" REAL,
   "recognised" INTEGER,
   "protocol" TEXT,
   "bytes_sent" INTEGER,
   "bytes_received" INTEGER,
   "first_bytes" TEXT,
   PRIMARY KEY ("measurement_id", "id"),
   CHECK (step IN ('dns', 'tcp', 'tls', 'http', 'quic', 'greeting'))
);

CREATE TABLE "reason" (
   "verdict_id" INTEGER NOT NULL REFERENCES "verdict"("id"),
   "number" INTEGER NOT NULL,
   "code" TEXT NOT NULL,
   "text" TEXT NOT NULL,
   "observations" TEXT NOT NULL,
   PRIMARY KEY ("verdict_id", "number")
);

CREATE TABLE "register" (
   "id" INTEGER PRIMARY KEY NOT NULL,
   "name" TEXT NOT NULL,
   "country" TEXT NOT NULL,
   "form" TEXT NOT NULL,
   "source" TEXT NOT NULL,
   "updated_at" TEXT,
   "imported_at" TEXT,
   "entries" INTEGER NOT NULL,
   "damaged" INTEGER NOT NULL,
   "process" TEXT NOT NULL
);

CREATE TABLE "register_entry" (
   "register_id" INTEGER NOT NULL REFERENCES "register"("id"),
   "line" INTEGER NOT NULL,
   "kind" TEXT NOT NULL,
   "domain" TEXT,
   "url" TEXT,
   "authority" TEXT,
   "decision" TEXT,
   "date" TEXT,
   PRIMARY KEY ("register_id", "line")
) WITHOUT ROWID;

CREATE TABLE "register_key" (
   "register_id" INTEGER NOT NULL REFERENCES "register"("id"),
   "key" TEXT NOT NULL,
   "beside" INTEGER NOT NULL,
   "line" INTEGER NOT NULL,
   PRIMARY KEY ("register_id", "key", "beside", "line")
) WITHOUT ROWID;

CREATE TABLE "run" (
   "id" TEXT PRIMARY KEY NOT NULL,
   "name" TEXT NOT NULL,
   "command" TEXT NOT NULL,
   "vantage_id" INTEGER NOT NULL REFERENCES "vantage"("id"),
   "started_at" TEXT NOT NULL,
   "finished_at" TEXT,
   "process" TEXT NOT NULL,
   "software" TEXT NOT NULL,
   "host" TEXT NOT NULL,
   "settings" TEXT NOT NULL,
   "services" TEXT NOT NULL
);

CREATE TABLE "run_source" (
   "run_id" TEXT NOT NULL REFERENCES "run"("id"),
   "source_id" INTEGER NOT NULL REFERENCES "source"("id"),
   PRIMARY KEY ("run_id", "source_id")
);

CREATE TABLE "service_verdict" (
   "id" INTEGER PRIMARY KEY NOT NULL,
   "title" TEXT NOT NULL,
   "run_id" TEXT NOT NULL REFERENCES "run"("id"),
   "vantage_id" INTEGER NOT NULL REFERENCES "vantage"("id"),
   "service" TEXT NOT NULL,
   "rules_version" TEXT NOT NULL,
   "outcome" TEXT NOT NULL,
   "methods" TEXT NOT NULL,
   "confidence" TEXT,
   "text" TEXT NOT NULL,
   "roles" TEXT NOT NULL,
   "made_at" TEXT NOT NULL,
   CHECK (outcome IN ('ok', 'blocked', 'down', 'refused', 'inconclusive')),
   CHECK (confidence IN ('possible', 'likely', 'confirmed'))
);

CREATE TABLE "source" (
   "id" INTEGER PRIMARY KEY NOT NULL,
   "name" TEXT NOT NULL,
   "kind" TEXT NOT NULL,
   "sha256" TEXT NOT NULL,
   "signed_by" TEXT,
   "imported_at" TEXT NOT NULL
);

CREATE TABLE "store_measurement" (
   "id" TEXT PRIMARY KEY NOT NULL,
   "title" TEXT NOT NULL,
   "run_id" TEXT REFERENCES "run"("id"),
   "target_id" INTEGER NOT NULL REFERENCES "target"("id"),
   "vantage_id" INTEGER NOT NULL REFERENCES "vantage"("id"),
   "started_at" TEXT NOT NULL,
   "runtime" REAL NOT NULL,
   "lag" REAL
);

CREATE TABLE "store_observation" (
   "measurement_id" TEXT NOT NULL REFERENCES "store_measurement"("id"),
   "id" INTEGER NOT NULL,
   "step" TEXT NOT NULL,
   "started" REAL NOT NULL,
   "runtime" REAL NOT NULL,
   "attempt" INTEGER NOT NULL,
   "hop" INTEGER NOT NULL,
   "experiment" TEXT,
   "hop_limit" INTEGER,
   "router" TEXT,
   "failure" TEXT,
   "error" TEXT,
   "hostname" TEXT,
   "query_type" TEXT,
   "resolver_address" TEXT,
   "resolver_port" INTEGER,
   "transport" TEXT,
   "response" INTEGER,
   "rcode" TEXT,
   "flags" TEXT,
   "answers" TEXT,
   "answers_truncated" INTEGER,
   "address" TEXT,
   "port" INTEGER,
   "round_trip" REAL,
   "resent" INTEGER,
   "server_name" TEXT,
   "tls_version" TEXT,
   "cipher" TEXT,
   "alpn" TEXT,
   "certificates" TEXT,
   "subject" TEXT,
   "issuer" TEXT,
   "not_before" TEXT,
   "not_after" TEXT,
   "alternative_names" TEXT,
   "public_key_sha256" TEXT,
   "root_sha256" TEXT,
   "root_is_public" INTEGER,
   "url" TEXT,
   "method" TEXT,
   "status" INTEGER,
   "http_version" TEXT,
   "headers" TEXT,
   "title" TEXT,
   "excerpt" TEXT,
   "outline" TEXT,
   "refresh" TEXT,
   "refresh_seconds" INTEGER,
   "body_sha256" TEXT,
   "body_length" INTEGER,
   "body_truncated" INTEGER,
   "head_after" REAL,
   "received" INTEGER,
   "received_after" REAL,
   "recognised" INTEGER,
   "protocol" TEXT,
   "bytes_sent" INTEGER,
   "bytes_received" INTEGER,
   "first_bytes" TEXT,
   PRIMARY KEY ("measurement_id", "id"),
   CHECK (step IN ('dns', 'tcp', 'tls', 'http', 'quic', 'greeting'))
);

CREATE TABLE "target" (
   "id" INTEGER PRIMARY KEY NOT NULL,
   "name" TEXT NOT NULL,
   "scheme" TEXT NOT NULL,
   "host" TEXT NOT NULL,
   "port" INTEGER,
   "path" TEXT NOT NULL,
   "speaks" TEXT,
   "service" TEXT,
   "role" TEXT,
   "certainty" TEXT NOT NULL,
   "retired" TEXT,
   "roots" TEXT NOT NULL,
   CHECK (scheme IN ('dns', 'tcp', 'tls', 'http', 'https', 'udp')),
   CHECK (speaks IN ('xmpp', 'stun', 'mtproto', 'mqtt', 'newgetdns')),
   CHECK (certainty IN ('documented', 'reported', 'unverified'))
);

CREATE TABLE "vantage" (
   "id" INTEGER PRIMARY KEY NOT NULL,
   "name" TEXT NOT NULL,
   "country" TEXT NOT NULL,
   "asn" INTEGER NOT NULL,
   "network" TEXT
);

CREATE TABLE "verdict" (
   "id" INTEGER PRIMARY KEY NOT NULL,
   "title" TEXT NOT NULL,
   "measurement_id" TEXT NOT NULL REFERENCES "measurement"("id"),
   "rules_version" TEXT NOT NULL,
   "outcome" TEXT NOT NULL,
   "methods" TEXT NOT NULL,
   "confidence" TEXT,
   "controls" TEXT NOT NULL,
   "made_at" TEXT NOT NULL,
   CHECK (outcome IN ('ok', 'blocked', 'down', 'refused', 'inconclusive')),
   CHECK (confidence IN ('possible', 'likely', 'confirmed'))
);

CREATE VIEW "v_latest" AS 
SELECT newest.target, newest.service, vantage.name AS vantage, vantage.country, vantage.asn, vantage.network,
       newest.outcome, newest.methods, newest.confidence, newest.started_at,
       reason.code AS reason_code, reason.text AS reason_text, newest.measurement_id
FROM (
    SELECT last.id AS measurement_id, last.started_at, last.vantage_id, last.target, last.service,
           verdict.id AS verdict_id, verdict.outcome, verdict.methods, verdict.confidence
    FROM (
        SELECT found.id, found.started_at, found.vantage_id, target.name AS target, target.service,
               row_number() OVER (PARTITION BY target.name, found.vantage_id ORDER BY found.latest DESC) AS age
        FROM (
            SELECT id, started_at, target_id, vantage_id, max(started_at || id) AS latest
            FROM measurement WHERE id IN (SELECT measurement_id FROM verdict)
            GROUP BY target_id, vantage_id
        ) AS found
        JOIN target ON target.id = found.target_id
    ) AS last
    JOIN verdict ON verdict.id = (SELECT max(id) FROM verdict WHERE measurement_id = last.id)
    WHERE last.age = 1
) AS newest
JOIN vantage ON vantage.id = newest.vantage_id
LEFT JOIN reason ON reason.verdict_id = newest.verdict_id AND reason.number = 1;

CREATE VIEW "v_service" AS 
SELECT each.service, vantage.name AS vantage, vantage.country, vantage.asn, vantage.network,
       count(each.found) AS targets,
       sum(each.found = 'ok') AS ok,
       sum(each.found = 'blocked') AS blocked,
       sum(each.found = 'down') AS down,
       sum(each.found = 'refused') AS refused,
       sum(each.found = 'inconclusive') AS inconclusive,
       max(each.started_at) AS started_at,
       max(each.outcome) AS outcome, max(each.methods) AS methods, max(each.confidence) AS confidence,
       max(each.text) AS text, max(each.run_id) AS run_id, max(each.run_started_at) AS run_started_at
FROM (
    SELECT service, vantage_id, outcome AS found, started_at,
           NULL AS outcome, NULL AS methods, NULL AS confidence, NULL AS text, NULL AS run_id, NULL AS run_started_at
    FROM (
    SELECT last.id AS measurement_id, last.started_at, last.vantage_id, last.target, last.service,
           verdict.id AS verdict_id, verdict.outcome, verdict.methods, verdict.confidence
    FROM (
        SELECT found.id, found.started_at, found.vantage_id, target.name AS target, target.service,
               row_number() OVER (PARTITION BY target.name, target.service, found.vantage_id ORDER BY found.latest DESC) AS age
        FROM (
            SELECT id, started_at, target_id, vantage_id, max(started_at || id) AS latest
            FROM measurement WHERE id IN (SELECT measurement_id FROM verdict)
            GROUP BY target_id, vantage_id
        ) AS found
        JOIN target ON target.id = found.target_id
    ) AS last
    JOIN verdict ON verdict.id = (SELECT max(id) FROM verdict WHERE measurement_id = last.id)
    WHERE last.age = 1
) WHERE service IS NOT NULL
    UNION ALL
    SELECT service, vantage_id, NULL, NULL, outcome, methods, confidence, text, run_id, run_started_at
    FROM (
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
)
) AS each
JOIN vantage ON vantage.id = each.vantage_id
GROUP BY each.service, each.vantage_id
HAVING count(each.found) > 0;
