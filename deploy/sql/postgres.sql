-- The tables of OpenSIPS 2.2 in which clusterer's nodes are provisioned, for PostgreSQL.
-- Printed by `clustererctl db schema postgres`. `clustererctl db init` makes the same.
--   psql -v ON_ERROR_STOP=1 -d DATABASE -f postgres.sql
-- (all of it or nothing)
BEGIN;
CREATE TABLE IF NOT EXISTS "version" (
    table_name VARCHAR(32) NOT NULL,
    table_version INTEGER DEFAULT 0 NOT NULL,
    UNIQUE (table_name)
);
CREATE TABLE "clusterer" (
    "id" SERIAL PRIMARY KEY NOT NULL,
    "cluster_id" INTEGER NOT NULL,
    "machine_id" INTEGER NOT NULL,
    "url" VARCHAR(64) NOT NULL,
    "state" INTEGER DEFAULT 1 NOT NULL,
    "last_attempt" BIGINT DEFAULT 0 NOT NULL,
    "failed_attempts" INTEGER DEFAULT 3 NOT NULL,
    "no_tries" INTEGER DEFAULT 0 NOT NULL,
    "duration" INTEGER DEFAULT 30 NOT NULL,
    "description" VARCHAR(64) DEFAULT NULL,
    UNIQUE ("cluster_id", "machine_id")
);
DO $$ BEGIN EXECUTE 'ALTER SEQUENCE ' || pg_get_serial_sequence('"clusterer"', 'id') || ' MAXVALUE 2147483647 CYCLE'; END $$;
INSERT INTO "version" (table_name, table_version) VALUES ('clusterer', 1);
COMMIT;
