-- Alerts: those that stand for a sink, and the messages about them that wait, were delivered or were given up. No evidence.
CREATE TABLE alerts_standing (
  contract_uid TEXT NOT NULL,
  sink TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (contract_uid, sink, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE TABLE alert_messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  contract_uid TEXT NOT NULL,
  sink TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  kind TEXT NOT NULL,
  content TEXT NOT NULL,
  written_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  failure TEXT,
  settled_at INTEGER,
  delivered INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX alert_messages_waiting ON alert_messages (id) WHERE settled_at IS NULL;
CREATE INDEX alert_messages_of_contract ON alert_messages (contract_uid, id);
CREATE INDEX alert_messages_settled ON alert_messages (settled_at) WHERE settled_at IS NOT NULL;
