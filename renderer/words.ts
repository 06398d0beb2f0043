// Messages and notices in words, for lists and for the conversation itself.
import type { Message, MessageRow } from '../preload/contract.ts';

/** What stands in a conversation where something about the conversation is to be said. */
export function noticeOf({ kind, count, contact }: MessageRow): string {
  switch (kind) {
    case 'gap':
      if (count === 0) return 'The missing messages have arrived, further down.';
      return count === 1 ? 'A message is missing here.' : `${count} messages are missing here.`;
    case 'fork':
      return `The messages here don't fit together. Someone may be showing ${contact} and you different ones.`;
    case 'newSession':
      return `${contact} is now using another computer, or a fresh installation.`;
    case 'devices':
      return `${contact}'s devices have changed.`;
    case 'refused':
      return count > 1
        ? `${count} messages were refused: they were not authentic.`
        : 'A message was refused: it was not authentic.';
    case 'unknown':
      return 'This message needs a newer version of Signet.';
    case 'text':
      return '';
  }
}

/** Notices that the user should look into. */
export const isAlarming = ({ kind, count }: MessageRow): boolean =>
  kind === 'fork' || kind === 'refused' || (kind === 'gap' && count > 0);

/** One line for the list of conversations. A text may be long: only its beginning is looked at. */
export function previewOf(message: Message): string {
  if (message.kind !== 'text') return noticeOf(message);
  const line = message.text.slice(0, 200).replace(/\s+/g, ' ');
  return message.mine ? `You: ${line}` : line;
}

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];

/** 812 byte, 3.4 kB, 12 MB: in thousands, as disks are sold. */
export function size(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const unit = units[power]!;
  const format = new Intl.NumberFormat(undefined, { style: 'unit', unit, maximumSignificantDigits: 3 });
  return format.format(bytes / 1000 ** power);
}
