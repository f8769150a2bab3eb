-- Feeds that ever had evidence. Names are for people; contract_uid and feed identify.
CREATE TABLE feeds (
  id INTEGER PRIMARY KEY,
  contract_uid TEXT NOT NULL,
  feed TEXT NOT NULL,
  namespace TEXT NOT NULL,
  contract TEXT NOT NULL,
  UNIQUE (contract_uid, feed)
) STRICT;

-- The evidence: rows (kind 4) and, before the first row that needs them, labels (1), names of measures (2) and bodies (3).
CREATE TABLE log (
  feed_id INTEGER NOT NULL REFERENCES feeds (id),
  sequence INTEGER NOT NULL CHECK (sequence > 0),
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
  payload BLOB NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  PRIMARY KEY (feed_id, sequence, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_definitions ON log (feed_id, kind, payload) WHERE kind < 3;
CREATE INDEX log_bodies ON log (feed_id, substr(payload, 1, 32)) WHERE kind = 3;

-- Of each key the newest row. Follows from the log; rows of one label set are disjoint.
CREATE TABLE newest (
  feed_id INTEGER NOT NULL REFERENCES feeds (id),
  labels INTEGER NOT NULL,
  start_at INTEGER NOT NULL,
  end_at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  vendor_revision INTEGER,
  PRIMARY KEY (feed_id, labels, start_at)
) STRICT, WITHOUT ROWID;

-- Where the chain of each feed ends.
CREATE TABLE heads (
  feed_id INTEGER PRIMARY KEY REFERENCES feeds (id),
  sequence INTEGER NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TABLE backfills (
  feed_id INTEGER PRIMARY KEY REFERENCES feeds (id),
  reached INTEGER NOT NULL,
  completed INTEGER NOT NULL
) STRICT;

-- Rows kept aside; the newest 10,000 of a feed.
CREATE TABLE rejections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  feed_id INTEGER NOT NULL REFERENCES feeds (id),
  fingerprint BLOB NOT NULL,
  reason TEXT NOT NULL,
  content TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  body_digest BLOB NOT NULL,
  UNIQUE (feed_id, fingerprint)
) STRICT;
CREATE INDEX rejections_by_feed ON rejections (feed_id, id);

-- Heads as they moved, closings, terms, facts and digests of reports, chained like a feed's log.
CREATE TABLE journal (
  number INTEGER PRIMARY KEY,
  topic TEXT NOT NULL,
  contract_uid TEXT NOT NULL,
  name TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  content TEXT NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE INDEX journal_by_topic ON journal (contract_uid, topic, name, number);
CREATE UNIQUE INDEX journal_closings ON journal (contract_uid, name) WHERE topic = 'closing';
CREATE TABLE journal_head (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TRIGGER log_is_not_edited BEFORE UPDATE ON log BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER log_is_not_cut BEFORE DELETE ON log BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER journal_is_not_edited BEFORE UPDATE ON journal BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER journal_is_not_cut BEFORE DELETE ON journal BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER newest_is_not_cut BEFORE DELETE ON newest BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER heads_are_not_cut BEFORE DELETE ON heads BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
