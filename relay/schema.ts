// The tables behind the two stores in SQLite. Nothing else is stored.

export const SCHEMA = `
  CREATE TABLE users (
    name TEXT PRIMARY KEY,
    identity BLOB NOT NULL UNIQUE,
    identity_key BLOB NOT NULL,
    registered INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE device_statements (
    identity BLOB NOT NULL REFERENCES users (identity) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (identity, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE prekeys (
    identity BLOB NOT NULL REFERENCES users (identity) ON DELETE CASCADE,
    device INTEGER NOT NULL,
    created INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (identity, device)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE sign_ins (
    identity BLOB NOT NULL REFERENCES users (identity) ON DELETE CASCADE,
    device INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    PRIMARY KEY (identity, device)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,
    uses INTEGER NOT NULL,
    expires INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE envelopes (
    position INTEGER PRIMARY KEY,
    mailbox TEXT NOT NULL,
    sender TEXT NOT NULL,
    hash BLOB NOT NULL,
    received INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    UNIQUE (mailbox, hash)
  ) STRICT;
  CREATE INDEX envelopes_by_sender ON envelopes (mailbox, sender, position);
  CREATE INDEX envelopes_by_age ON envelopes (received);
  CREATE TABLE positions (next INTEGER NOT NULL) STRICT;
  INSERT INTO positions VALUES (1);
`;
