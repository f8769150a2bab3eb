-- Terms, each once. An entry of the journal that holds terms has their digest in their place, and again in the column `terms`. Entries of
-- earlier formats stay as they are.
CREATE TABLE terms (
  digest TEXT NOT NULL PRIMARY KEY,
  content TEXT NOT NULL
) STRICT;
ALTER TABLE journal ADD COLUMN terms TEXT;

CREATE TRIGGER terms_are_not_edited BEFORE UPDATE ON terms BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER terms_are_not_cut BEFORE DELETE ON terms BEGIN SELECT raise(ABORT, 'evidence is append-only'); END;
