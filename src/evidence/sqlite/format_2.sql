-- What the last body of a feed left behind for the next fetch, such as where counters stood. No evidence: it can be lost.
CREATE TABLE feed_states (
  feed_id INTEGER PRIMARY KEY REFERENCES feeds (id),
  content TEXT NOT NULL
) STRICT;
