// What the window can ask of the main process, and what it is told: every call and event, declared once. The types of
// both sides are inferred from here.
import * as z from 'zod/mini';
import type { MessageRow as StoredRow, OpenedMessage } from '../main/messenger/messages.ts';
import type { EnvelopeView, Shown, Summary } from '../main/messenger/overview.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { USER_NAME_PATTERN } from '../protocol/user-name.ts';

/** A failure crosses as data: Electron drops the properties of errors. `message` is a sentence for a person. */
export type FailureData = { code: FailureCode; message: string };
export const asData = ({ code, message }: FailureData): FailureData => ({ code, message });
export type Result<Value> = { ok: true; value: Value } | { ok: false; failure: FailureData };

/** Who uses this profile. Fingerprints are 64 hex digits. */
export type Me = { name: string; fingerprint: string; relays: string[]; relayKey: string };

/** Where the app is on its way from its start to the conversations. */
export type Stage =
  | { name: 'opening' }
  | { name: 'welcome'; given: { name: string; invite: string } }
  | { name: 'joining'; doing: 'keys' | 'relay'; step: number; of: number }
  | { name: 'blocked'; failure: FailureData }
  | { name: 'ready'; me: Me };

/** `trouble` says why there is no connection, `final` that Signet doesn't try again by itself. */
export type Connection = {
  state: 'connecting' | 'online' | 'offline';
  trouble: FailureData | null;
  final: boolean;
};

export type { MessageKind, MessageState } from '../main/messenger/messages.ts';
export type { EnvelopeView, Summary as Conversation } from '../main/messenger/overview.ts';
/** A message without its text, in its place in a conversation. */
export type MessageRow = Shown<StoredRow>;
export type Message = Shown<OpenedMessage>;

export type Changes = { messages: MessageRow[]; conversations: Summary[] };

export type Snapshot = {
  stage: Stage;
  connection: Connection;
  hosting: Hosting;
  conversations: Summary[];
  platform: string;
  version: string;
  /** How many bytes of UTF-8 fit in a message. */
  maxTextBytes: number;
  update: Update;
};

/** How it stands with updates. `why`: a sentence; in `off` it says what keeps Signet from it, null is the user's choice. */
export type Update =
  | { name: 'off'; why: string | null }
  | { name: 'idle' }
  | { name: 'checking' }
  | { name: 'fetching' | 'ready'; version: string; notes: string }
  | { name: 'failed'; why: string };

/** What an invite says, once the relay that it names has answered with the right key. */
export type InviteSummary = { from: string | null; relay: string };

export type MessageDetails = { message: Message; envelope: EnvelopeView | null };
/** safetyNumber has 60 digits. */
export type ContactDetails = { fingerprint: string; safetyNumber: string };

/** The relay that this computer hosts. */
export type Hosting = {
  /** failed: it has ended by itself, and is started again in a moment. */
  state: 'off' | 'starting' | 'on' | 'failed';
  /** Why it does not run. */
  failure: FailureData | null;
  port: number;
  /** A further address that others reach it at (host:port), as the user has given it, or empty. */
  address: string;
  /** host:port, where others reach it: that one, and this computer's own. */
  addresses: string[];
  /** What others join it with; from oneself, if this profile is on it. */
  invite: string | null;
  /** Users who are connected now besides oneself. */
  others: number;
  /** Messages that wait for their recipients, and their envelopes' bytes. */
  messages: number;
  bytes: number;
  /** Since when it runs, milliseconds since 1970. */
  since: number | null;
};

export type Settings = {
  /** Closing the window leaves Signet in the tray. */
  keepRunning: boolean;
  notifications: boolean;
  /** Signet starts with the computer, into the tray. */
  startsWithComputer: boolean;
  /** Signet looks for updates by itself. */
  updates: boolean;
};

export type Call<Input, Output> = { input: z.ZodMiniType<Input>; output?: Output };
export type Told<Value> = { value?: Value };

const call =
  <Output>() =>
  <Input>(input: z.ZodMiniType<Input>): Call<Input, Output> => ({ input });
const told = <Value>(): Told<Value> => ({});

const Nothing = z.undefined();
const Contact = z.string().check(z.regex(USER_NAME_PATTERN));
const Id = z.string().check(z.regex(/^[0-9a-f]{64}$/));
/** Far above what a message takes: that one is too long has to reach the messenger, which says so. */
const Text = z.string().check(z.maxLength(1024 * 1024));
const Field = z.string().check(z.maxLength(8192));
const Png = z
  .instanceof(Uint8Array)
  .check(z.refine((bytes) => bytes.length < 4 * 1024 * 1024 && bytes[0] === 0x89 && bytes[1] === 0x50));
const Index = z.int().check(z.nonnegative());

export const calls = {
  snapshot: call<Snapshot>()(Nothing),
  checkInvite: call<InviteSummary>()(z.object({ invite: Field })),
  join: call<void>()(z.object({ name: Field, invite: Field })),
  /** Opens the profile again, after what blocked it. */
  retry: call<void>()(Nothing),
  quit: call<void>()(Nothing),
  /** Answers `leaving`: all that was typed is saved. */
  left: call<void>()(Nothing),
  /** Tries to connect now instead of at the next attempt. */
  reconnect: call<void>()(Nothing),
  /** Goes on with this copy of the profile, after `profile-copied`. */
  continueHere: call<void>()(Nothing),

  startConversation: call<void>()(z.object({ name: Field })),
  messages: call<Message[]>()(
    z.object({ contact: Contact, from: Index, count: z.int().check(z.positive(), z.maximum(200)) }),
  ),
  sendMessage: call<void>()(z.object({ to: Contact, text: Text })),
  retryMessage: call<void>()(z.object({ id: Id })),
  /** upTo: the position of the last one that was seen; what has come since is still unread. */
  markRead: call<void>()(z.object({ contact: Contact, upTo: Index })),
  draft: call<string>()(z.object({ contact: Contact })),
  saveDraft: call<void>()(z.object({ contact: Contact, text: Text })),
  /** Which conversation is on the screen: it needs no notifications while the window has the focus. */
  showing: call<void>()(z.object({ contact: z.nullable(Contact) })),

  messageDetails: call<MessageDetails>()(z.object({ contact: Contact, position: Index })),
  contactDetails: call<ContactDetails>()(z.object({ contact: Contact })),
  /** The user has compared the safety number of this very identity. */
  markCompared: call<void>()(z.object({ contact: Contact, fingerprint: z.string() })),
  /** The user takes the other identity that the relay shows as the contact's. */
  acceptIdentity: call<void>()(z.object({ contact: Contact, fingerprint: z.string() })),
  /** The user takes the device list that the relay shows, though it contradicts the known one. */
  acceptList: call<void>()(z.object({ contact: Contact })),
  /** What the user does about a message request. Declining deletes its messages. */
  acceptRequest: call<void>()(z.object({ contact: Contact })),
  declineRequest: call<void>()(z.object({ contact: Contact })),
  setBlocked: call<void>()(z.object({ contact: Contact, isBlocked: z.boolean() })),

  settings: call<Settings>()(Nothing),
  changeSettings: call<Settings>()(
    z.object({
      keepRunning: z.exactOptional(z.boolean()),
      notifications: z.exactOptional(z.boolean()),
      startsWithComputer: z.exactOptional(z.boolean()),
      updates: z.exactOptional(z.boolean()),
    }),
  ),
  copyText: call<void>()(z.object({ text: Text })),
  checkForUpdates: call<void>()(Nothing),
  /** Shows the address in full, and opens it outside of Signet if the user says so. */
  openLink: call<void>()(z.object({ url: Field })),

  /** The signet:// link that Signet was opened with, if that was not asked for before. */
  openedInvite: call<string | null>()(Nothing),
  /** What others join the relay with; it carries one's own fingerprint. */
  invite: call<string>()(Nothing),
  /** Takes an invite to the relay that one is on. Answers who it is from, verified by it. */
  acceptInvite: call<string | null>()(z.object({ invite: Field })),
  /** Asks where to save a PNG. Answers whether it was saved. */
  saveImage: call<boolean>()(z.object({ name: z.string().check(z.regex(/^[\w-]{1,40}$/)), png: Png })),

  /** Hosts a relay on this computer from now on; answered once it listens. */
  host: call<void>()(z.object({ port: z.int().check(z.minimum(1), z.maximum(65535)), address: Field })),
  /** Asks first if others are connected. Answers whether it has ended. */
  stopHosting: call<boolean>()(Nothing),
  /** Ask where to, or where from; answer whether it was done. A restored relay takes the place of the one here. */
  backUpRelay: call<boolean>()(Nothing),
  restoreRelay: call<boolean>()(Nothing),
  /** The relay's last lines, a JSON object each. */
  hostingLog: call<string[]>()(Nothing),
};

export const events = {
  stageChanged: told<Stage>(),
  connectionChanged: told<Connection>(),
  hostingChanged: told<Hosting>(),
  changed: told<Changes>(),
  /** What went wrong without having been asked for. */
  failed: told<FailureData>(),
  /** A notification was clicked: show this conversation. */
  conversationOpened: told<{ contact: string }>(),
  /** Signet is about to quit: what isn't saved yet has to be saved now. */
  leaving: told<null>(),
  /** A signet:// link was opened: openedInvite gives it. */
  inviteOpened: told<null>(),
  updateChanged: told<Update>(),
};

export type Calls = typeof calls;
export type CallName = keyof Calls;
export type InputOf<Name extends CallName> = z.output<Calls[Name]['input']>;
export type OutputOf<Name extends CallName> = Exclude<Calls[Name]['output'], undefined>;

export type Events = typeof events;
export type EventName = keyof Events;
export type ValueOf<Name extends EventName> = Exclude<Events[Name]['value'], undefined>;

/** What the page finds as window.bridge. */
export type Bridge = {
  calls: {
    [Name in CallName]: (
      ...input: undefined extends InputOf<Name> ? [] : [InputOf<Name>]
    ) => Promise<Result<OutputOf<Name>>>;
  };
  /** @returns what ends the subscription */
  on: { [Name in EventName]: (listener: (value: ValueOf<Name>) => void) => () => void };
};
