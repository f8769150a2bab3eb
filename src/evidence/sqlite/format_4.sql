-- Rows that were removed at the end of a contract's retention: the place of each year in the chain of its feed. The journal has the same.
CREATE TABLE summaries (
  feed_id INTEGER NOT NULL REFERENCES feeds (id),
  year INTEGER NOT NULL,
  last INTEGER NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (feed_id, year)
) STRICT, WITHOUT ROWID;
-- The judgement of a contract that answers in the place of removed rows. Its digest is a fact of the journal.
CREATE TABLE last_judgements (
  contract_uid TEXT PRIMARY KEY,
  content BLOB NOT NULL
) STRICT;

DROP TRIGGER log_is_not_cut;
CREATE TRIGGER log_is_not_cut BEFORE DELETE ON log
  WHEN NOT EXISTS (SELECT 1 FROM summaries WHERE feed_id = OLD.feed_id AND last >= OLD.sequence)
  BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
DROP TRIGGER newest_is_not_cut;
CREATE TRIGGER newest_is_not_cut BEFORE DELETE ON newest
  WHEN NOT EXISTS (SELECT 1 FROM summaries WHERE feed_id = OLD.feed_id AND last >= OLD.sequence)
  BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
