-- What the last body of a feed left behind for the next fetch, such as where counters stood. No evidence: it can be lost.
CREATE TABLE bpo_evidence.feed_states (
  feed_id bigint PRIMARY KEY,
  content text NOT NULL
);
