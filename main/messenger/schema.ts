// The tables of a profile. A noun owns its tables: no other file has a query on them.

export const SCHEMA = `
  -- account.ts. One row. Its keychain item is named by profile. signingKey is the fingerprint of this device's own key;
  -- identityKey is the modulus of device 1. Both are null until the keys are made.
  CREATE TABLE account (
    profile TEXT NOT NULL, name TEXT NOT NULL, device INTEGER NOT NULL DEFAULT 1, signingKey BLOB, identityKey BLOB,
    relays TEXT NOT NULL, relayKey BLOB NOT NULL, token BLOB, registered INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  -- The client nonces of this profile's sign-ins: an older copy of it lacks the newest.
  CREATE TABLE sign_ins (position INTEGER PRIMARY KEY AUTOINCREMENT, nonce BLOB NOT NULL UNIQUE) STRICT;

  -- prekeys.ts. One's own. bytes is the statement, sealed is p and q, sealed to the storage key.
  CREATE TABLE prekeys (
    fingerprint BLOB PRIMARY KEY, created INTEGER NOT NULL, expires INTEGER NOT NULL,
    bytes BLOB NOT NULL, signature BLOB NOT NULL, sealed BLOB NOT NULL, published INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  -- contacts.ts. identity is the pin; identityKey, its modulus, is null until the relay has shown it (an invite brings
  -- the pin alone). offered is another identity that the relay shows under this name; held says what is wrong with the
  -- device list that it shows. leastVersion: an older device list isn't taken.
  CREATE TABLE contacts (
    contact INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, identity BLOB NOT NULL UNIQUE, identityKey BLOB,
    status TEXT NOT NULL, verified TEXT, verifiedAt INTEGER, offered BLOB, refused BLOB, held TEXT,
    leastVersion INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  -- devices.ts. Contact 0 is oneself. A device's signing key follows from the statements; the row has what is known of it
  -- besides: its newest prekey (a modulus), and the end of one's own chain to it.
  CREATE TABLE device_statements (
    contact INTEGER NOT NULL, version INTEGER NOT NULL, bytes BLOB NOT NULL, signature BLOB NOT NULL,
    PRIMARY KEY (contact, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE devices (
    contact INTEGER NOT NULL, device INTEGER NOT NULL,
    prekey BLOB, created INTEGER, expires INTEGER, knownKinds BLOB,
    chain BLOB NOT NULL, sequence INTEGER NOT NULL DEFAULT 0, previous BLOB NOT NULL,
    PRIMARY KEY (contact, device)
  ) STRICT, WITHOUT ROWID;

  -- conversations.ts. id names the pair, and changes with a contact's identity; contact 0 is the note to oneself.
  CREATE TABLE conversations (
    conversation INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, contact INTEGER NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE drafts (conversation INTEGER PRIMARY KEY, row TEXT NOT NULL, sealed BLOB NOT NULL) STRICT;

  -- messages.ts. sealed is the content, sealed to the storage key under the name in row. A notice has neither.
  CREATE TABLE messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT, conversation INTEGER NOT NULL, id BLOB NOT NULL UNIQUE,
    author INTEGER NOT NULL, device INTEGER NOT NULL, kind TEXT NOT NULL, timestamp INTEGER NOT NULL, salt BLOB,
    row TEXT, sealed BLOB, unread INTEGER NOT NULL DEFAULT 0, count INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX messages_by_conversation ON messages (conversation, position);
  CREATE INDEX messages_unread ON messages (conversation) WHERE unread = 1;
  CREATE TABLE revision (last INTEGER NOT NULL) STRICT;
  INSERT INTO revision VALUES (0);

  -- deliveries.ts. What one device of a recipient has of a message. due: it is to be sealed (again) as soon as it can.
  CREATE TABLE deliveries (
    message INTEGER NOT NULL, contact INTEGER NOT NULL, device INTEGER NOT NULL, state TEXT NOT NULL,
    resends INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (message, contact, device)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX deliveries_due ON deliveries (contact) WHERE due = 1;

  -- envelopes.ts. The outbox; and what every envelope held, so that one whose key is gone is sealed again. bytes is the
  -- newest envelope of a message, to be shown. message is null for what is silent.
  CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, contact INTEGER NOT NULL,
    device INTEGER NOT NULL, message INTEGER, bytes BLOB NOT NULL
  ) STRICT;
  CREATE TABLE envelopes (
    hash BLOB PRIMARY KEY, contact INTEGER NOT NULL, device INTEGER NOT NULL, message INTEGER, mine INTEGER NOT NULL,
    time INTEGER NOT NULL, bytes BLOB
  ) STRICT;
  CREATE INDEX envelopes_by_message ON envelopes (message) WHERE message IS NOT NULL;

  -- chains.ts. Every envelope that was taken in, for good: what stops replays, and shows gaps and forks. chain is null
  -- if it couldn't be opened, so that its place isn't known; counted says that such a one explains a gap.
  CREATE TABLE taken (
    hash BLOB PRIMARY KEY, contact INTEGER NOT NULL, device INTEGER NOT NULL, chain BLOB, sequence INTEGER,
    previous BLOB, counted INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX taken_by_place ON taken (contact, device, chain, sequence);
  CREATE INDEX taken_by_previous ON taken (contact, device, previous);
  -- Numbers in a chain that nothing has filled; notice is the position of the message that shows it.
  CREATE TABLE gaps (
    contact INTEGER NOT NULL, device INTEGER NOT NULL, chain BLOB NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, notice INTEGER NOT NULL
  ) STRICT;

  -- owed.ts. What a device has to be told: of which messages, or of which envelopes without a key. told: in which envelope
  -- that went, to be told again if its key is gone.
  CREATE TABLE owed (
    contact INTEGER NOT NULL, device INTEGER NOT NULL, id BLOB NOT NULL, kind TEXT NOT NULL, tries INTEGER NOT NULL,
    PRIMARY KEY (contact, device, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE told (
    envelope BLOB NOT NULL, contact INTEGER NOT NULL, device INTEGER NOT NULL, id BLOB NOT NULL, kind TEXT NOT NULL,
    tries INTEGER NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (envelope, id)
  ) STRICT, WITHOUT ROWID;
`;
