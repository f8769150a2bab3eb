CREATE TABLE bpo_evidence.format (number bigint NOT NULL);
INSERT INTO bpo_evidence.format VALUES (1);

-- Feeds that ever had evidence. Names are for people; contract_uid and feed identify.
CREATE TABLE bpo_evidence.feeds (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  contract_uid text NOT NULL,
  feed text NOT NULL,
  namespace text NOT NULL,
  contract text NOT NULL,
  UNIQUE (contract_uid, feed)
);

-- The evidence: rows (kind 4) and, before the first row that needs them, labels (1), names of measures (2) and bodies (3).
CREATE TABLE bpo_evidence.log (
  feed_id bigint NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
  payload bytea NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  PRIMARY KEY (feed_id, sequence, kind)
);
CREATE INDEX log_definitions ON bpo_evidence.log (feed_id, sha256(payload)) WHERE kind < 3;
CREATE INDEX log_bodies ON bpo_evidence.log (feed_id, substr(payload, 1, 32)) WHERE kind = 3;

-- Of each key the newest row. Follows from the log; rows of one label set are disjoint.
CREATE TABLE bpo_evidence.newest (
  feed_id bigint NOT NULL,
  labels bigint NOT NULL,
  start_at bigint NOT NULL,
  end_at bigint NOT NULL,
  sequence bigint NOT NULL,
  revision bigint NOT NULL,
  vendor_revision bigint,
  PRIMARY KEY (feed_id, labels, start_at)
);

-- Where the chain of each feed ends.
CREATE TABLE bpo_evidence.heads (
  feed_id bigint PRIMARY KEY,
  sequence bigint NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32)
);

CREATE TABLE bpo_evidence.backfills (
  feed_id bigint PRIMARY KEY,
  reached bigint NOT NULL,
  completed boolean NOT NULL
);

-- Rows kept aside; the newest 10,000 of a feed. Their text is bytes, since a text may hold no NUL here.
CREATE TABLE bpo_evidence.rejections (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  feed_id bigint NOT NULL,
  fingerprint bytea NOT NULL,
  reason text NOT NULL,
  content bytea NOT NULL,
  received_at bigint NOT NULL,
  body_digest bytea NOT NULL,
  UNIQUE (feed_id, fingerprint)
);
CREATE INDEX rejections_by_feed ON bpo_evidence.rejections (feed_id, id);

-- Heads as they moved, closings, terms, facts and digests of reports, chained like a feed's log.
CREATE TABLE bpo_evidence.journal (
  number bigint PRIMARY KEY,
  topic text NOT NULL,
  contract_uid text NOT NULL,
  name text NOT NULL,
  recorded_at text NOT NULL,
  content text NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32)
);
CREATE INDEX journal_by_topic ON bpo_evidence.journal (contract_uid, topic, name, number);
CREATE UNIQUE INDEX journal_closings ON bpo_evidence.journal (contract_uid, name) WHERE topic = 'closing';
CREATE TABLE bpo_evidence.journal_head (
  id smallint PRIMARY KEY CHECK (id = 1),
  number bigint NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32)
);

CREATE FUNCTION bpo_evidence.is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'evidence is append-only'; END $$;
CREATE TRIGGER log_is_not_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON bpo_evidence.log
  FOR EACH STATEMENT EXECUTE FUNCTION bpo_evidence.is_append_only();
CREATE TRIGGER journal_is_not_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON bpo_evidence.journal
  FOR EACH STATEMENT EXECUTE FUNCTION bpo_evidence.is_append_only();
CREATE TRIGGER newest_is_not_cut BEFORE DELETE OR TRUNCATE ON bpo_evidence.newest
  FOR EACH STATEMENT EXECUTE FUNCTION bpo_evidence.is_append_only();
CREATE TRIGGER heads_are_not_cut BEFORE DELETE OR TRUNCATE ON bpo_evidence.heads
  FOR EACH STATEMENT EXECUTE FUNCTION bpo_evidence.is_append_only();
