-- schema.sql - what the PostgreSQL store needs in a database. Run it with a role that may create a schema and grant:
--
--   psql -X -v ON_ERROR_STOP=1 -v service=vault_service -f schema.sql "host=db.example.com dbname=vault user=owner"
--
-- service is the role that the vault connects as; it gets no right to change what is here. -v schema=NAME for another
-- schema than descope_conn. Running it again changes nothing.
\if :{?schema}
\else
    \set schema descope_conn
\endif

BEGIN;

CREATE SCHEMA IF NOT EXISTS :"schema";
SET LOCAL search_path TO :"schema";

-- Several vaults may be in one schema, each under its name. bytea is ordered by its bytes, whatever the collation.
CREATE TABLE IF NOT EXISTS vault_rows (
    vault text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    version bigint NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (vault, key)
);

-- What became of each commit of the last hour, for whoever's connection broke before its answer came: written, or refused
-- before it could be.
CREATE TABLE IF NOT EXISTS vault_receipts (
    id bigint PRIMARY KEY,
    is_refusal boolean NOT NULL DEFAULT false,
    written timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS vault_receipts_written ON vault_receipts (written);

CREATE TABLE IF NOT EXISTS vault_schema (
    version integer NOT NULL
);
INSERT INTO vault_schema SELECT 1 WHERE NOT EXISTS (SELECT FROM vault_schema);

-- Values are encrypted, so that compressing them is in vain. Pages keep room for the next version of their rows, which
-- then need no change of the index, and what rows leave behind is collected before it slows a scan.
ALTER TABLE vault_rows ALTER COLUMN value SET STORAGE EXTERNAL;
ALTER TABLE vault_rows SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

GRANT USAGE ON SCHEMA :"schema" TO :"service";
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_rows, vault_receipts TO :"service";
GRANT SELECT ON vault_schema TO :"service";

COMMIT;
