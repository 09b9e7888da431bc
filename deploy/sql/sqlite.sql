-- The tables of OpenSIPS 2.2 in which clusterer's nodes are provisioned, for SQLite.
-- Printed by `clustererctl db schema sqlite`. `clustererctl db init` makes the same.
--   sqlite3 -bail FILE < sqlite.sql
-- (all of it or nothing, while `db init` also turns on the write-ahead log of a new file)
BEGIN;
CREATE TABLE IF NOT EXISTS "version" (
    table_name CHAR(32) NOT NULL,
    table_version INTEGER DEFAULT 0 NOT NULL,
    UNIQUE (table_name)
);
CREATE TABLE "clusterer" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "cluster_id" INTEGER NOT NULL,
    "machine_id" INTEGER NOT NULL,
    "url" CHAR(64) NOT NULL,
    "state" INTEGER DEFAULT 1 NOT NULL,
    "last_attempt" BIGINT(64) DEFAULT 0 NOT NULL,
    "failed_attempts" INTEGER DEFAULT 3 NOT NULL,
    "no_tries" INTEGER DEFAULT 0 NOT NULL,
    "duration" INTEGER DEFAULT 30 NOT NULL,
    "description" CHAR(64) DEFAULT NULL,
    UNIQUE ("cluster_id", "machine_id")
);
INSERT INTO "version" (table_name, table_version) VALUES ('clusterer', 1);
COMMIT;
