// The hashes that name conversations and messages: the same in every copy, and unseen by the relay.
import { field, u64 } from './bytes.ts';
import { sha256 } from './key.ts';
import { labels } from './statement.ts';

/** The conversation of two people, whichever of them asks. @param one @param other identities, 32 bytes each
 * @returns 32 bytes */
export function pairConversation(one: Buffer, other: Buffer): Buffer {
  return sha256(Buffer.concat([field(labels.pair), ...[one, other].sort(Buffer.compare)]));
}

export type Named = {
  /** Identity, 32 bytes. */
  author: Buffer;
  /** 32 bytes. */
  conversation: Buffer;
  timestamp: number;
  /** 16 bytes. */
  salt: Buffer;
  content: Buffer;
};

/** A message's id, 32 bytes. It can be neither forged nor moved to another author, conversation or content. */
export function messageId({ author, conversation, timestamp, salt, content }: Named): Buffer {
  return sha256(Buffer.concat([field(labels.message), author, conversation, u64(timestamp), salt, content]));
}
