-- A profile's database as the first version made it (PRAGMA user_version 1). Frozen: later versions have to take it over.
-- One row. Its keychain item is named by profile; fingerprint is null until the keys are made.
CREATE TABLE account (
  profile TEXT NOT NULL, name TEXT NOT NULL, fingerprint BLOB,
  relays TEXT NOT NULL, relay_key BLOB NOT NULL, registered INTEGER NOT NULL DEFAULT 0
) STRICT;
-- fingerprint is the pin. identity_key is null until the relay has named it (an invite brings the pin alone).
CREATE TABLE contacts (
  name TEXT PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE, identity_key BLOB, verified TEXT, offered BLOB,
  key BLOB, key_created INTEGER, key_expires INTEGER,
  chain BLOB NOT NULL, sequence INTEGER NOT NULL DEFAULT 0, previous BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- sealed is p and q, sealed to the storage key.
CREATE TABLE reception_keys (
  fingerprint BLOB PRIMARY KEY, class TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
  key BLOB NOT NULL, signature BLOB NOT NULL, sealed BLOB NOT NULL, published INTEGER NOT NULL DEFAULT 0
) STRICT;
-- sealed is the text, sealed to the storage key under the name in row.
CREATE TABLE messages (
  position INTEGER PRIMARY KEY AUTOINCREMENT, row TEXT NOT NULL UNIQUE, id BLOB NOT NULL, contact TEXT NOT NULL,
  mine INTEGER NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, sent_at INTEGER NOT NULL,
  revision INTEGER NOT NULL, missing INTEGER NOT NULL DEFAULT 0, sealed BLOB, envelope BLOB,
  reseals INTEGER NOT NULL DEFAULT 0, reseal_due INTEGER NOT NULL DEFAULT 0,
  UNIQUE (contact, mine, id)
) STRICT;
CREATE INDEX messages_by_contact ON messages (contact, position);
CREATE INDEX messages_unread ON messages (contact) WHERE state = 'unread';
CREATE INDEX messages_reseal_due ON messages (contact) WHERE reseal_due = 1;
-- Every envelope that was taken in, for good: what stops replays, and shows gaps and forks. An id stands in
-- several rows when its message was sealed again.
CREATE TABLE seen (
  contact TEXT NOT NULL, id BLOB NOT NULL, chain BLOB NOT NULL, sequence INTEGER NOT NULL,
  hash BLOB NOT NULL, previous BLOB NOT NULL, PRIMARY KEY (contact, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_by_id ON seen (contact, id);
CREATE INDEX seen_by_place ON seen (contact, chain, sequence);
CREATE INDEX seen_by_previous ON seen (contact, previous);
-- Places in a chain that nothing has filled; notice is the position of the message that shows it.
CREATE TABLE gaps (
  contact TEXT NOT NULL, chain BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, notice INTEGER NOT NULL
) STRICT;
-- Authentic envelopes that could not be opened, so that their places are not known; they explain gaps.
CREATE TABLE unplaced (
  contact TEXT NOT NULL, hash BLOB NOT NULL, counted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (contact, hash)
) STRICT, WITHOUT ROWID;
-- What a contact has to be told of which message, and what was told in which envelope (to be told again if that
-- could not be opened).
CREATE TABLE notices_due (
  contact TEXT NOT NULL, id BLOB NOT NULL, kind TEXT NOT NULL, tries INTEGER NOT NULL, PRIMARY KEY (contact, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE notices_told (
  contact TEXT NOT NULL, envelope BLOB NOT NULL, id BLOB NOT NULL, kind TEXT NOT NULL, tries INTEGER NOT NULL,
  told INTEGER NOT NULL, PRIMARY KEY (contact, envelope, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
  position INTEGER PRIMARY KEY AUTOINCREMENT, contact TEXT NOT NULL, id BLOB NOT NULL, envelope BLOB NOT NULL,
  UNIQUE (contact, id)
) STRICT;
CREATE TABLE revision (last INTEGER NOT NULL) STRICT;
INSERT INTO revision VALUES (0);
