-- Terms, each once. An entry of the journal that holds terms has their digest in their place, and again in the column `terms`. Entries of
-- earlier formats stay as they are.
CREATE TABLE bpo_evidence.terms (
  digest text PRIMARY KEY,
  content text NOT NULL
);
ALTER TABLE bpo_evidence.journal ADD COLUMN terms text;

CREATE TRIGGER terms_are_not_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON bpo_evidence.terms
  FOR EACH STATEMENT EXECUTE FUNCTION bpo_evidence.is_append_only();
