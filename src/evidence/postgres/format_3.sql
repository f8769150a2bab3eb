-- Alerts: those that stand for a sink, and the messages about them that wait, were delivered or were given up. No evidence.
CREATE TABLE bpo_evidence.alerts_standing (
  contract_uid text NOT NULL,
  sink text NOT NULL,
  fingerprint text NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (contract_uid, sink, fingerprint)
);
CREATE TABLE bpo_evidence.alert_messages (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  contract_uid text NOT NULL,
  sink text NOT NULL,
  fingerprint text NOT NULL,
  kind text NOT NULL,
  content text NOT NULL,
  written_at bigint NOT NULL,
  attempts bigint NOT NULL DEFAULT 0,
  failure text,
  settled_at bigint,
  delivered boolean NOT NULL DEFAULT false
);
CREATE INDEX alert_messages_waiting ON bpo_evidence.alert_messages (id) WHERE settled_at IS NULL;
CREATE INDEX alert_messages_of_contract ON bpo_evidence.alert_messages (contract_uid, id);
CREATE INDEX alert_messages_settled ON bpo_evidence.alert_messages (settled_at) WHERE settled_at IS NOT NULL;
