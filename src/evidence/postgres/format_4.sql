-- Rows that were removed at the end of a contract's retention: the place of each year in the chain of its feed. The journal has the same.
CREATE TABLE bpo_evidence.summaries (
  feed_id bigint NOT NULL,
  year integer NOT NULL,
  last bigint NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (feed_id, year)
);
-- The judgement of a contract that answers in the place of removed rows. Its digest is a fact of the journal.
CREATE TABLE bpo_evidence.last_judgements (
  contract_uid text PRIMARY KEY,
  content bytea NOT NULL
);

CREATE FUNCTION bpo_evidence.is_append_only_unless_summarised() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF EXISTS (SELECT FROM bpo_evidence.summaries WHERE feed_id = OLD.feed_id AND last >= OLD.sequence) THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'evidence is append-only';
END $$;
DROP TRIGGER log_is_not_edited ON bpo_evidence.log;
CREATE TRIGGER log_is_not_edited BEFORE UPDATE OR TRUNCATE ON bpo_evidence.log
  FOR EACH STATEMENT EXECUTE FUNCTION bpo_evidence.is_append_only();
CREATE TRIGGER log_is_not_cut BEFORE DELETE ON bpo_evidence.log
  FOR EACH ROW EXECUTE FUNCTION bpo_evidence.is_append_only_unless_summarised();
DROP TRIGGER newest_is_not_cut ON bpo_evidence.newest;
CREATE TRIGGER newest_is_not_cut BEFORE DELETE ON bpo_evidence.newest
  FOR EACH ROW EXECUTE FUNCTION bpo_evidence.is_append_only_unless_summarised();
CREATE TRIGGER newest_is_not_truncated BEFORE TRUNCATE ON bpo_evidence.newest
  FOR EACH STATEMENT EXECUTE FUNCTION bpo_evidence.is_append_only();
