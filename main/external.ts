// What is opened outside of Signet: https and mail addresses, after the user has seen where they lead.
import { shell } from 'electron';
import { Failure } from '../protocol/failures.ts';
import type { Ask } from './window.ts';

/** What fits into a dialog. */
const MAX_CHARACTERS = 1024;
/** Without the ?: no subject, no text, no attachment of somebody else's choice. */
const MAIL_ADDRESS = /^[\w.+-]+@[\w.-]+$/;

/** @returns the address as it is opened: foreign letters of a host, which can look like others, as punycode
 * @throws Failure `link-unusable` */
function check(text: string): URL {
  const url = URL.parse(text);
  const isPage = url?.protocol === 'https:' && url.username === '' && url.password === '';
  const isMail = url?.protocol === 'mailto:' && url.href === `mailto:${url.pathname}`;
  if (url && url.href.length <= MAX_CHARACTERS && (isPage || (isMail && MAIL_ADDRESS.test(url.pathname)))) {
    return url;
  }
  throw new Failure('link-unusable', 'Signet opens https:// addresses and mail addresses, and no others.');
}

/** Windows cuts off a longer line that it can't break: https://github.com/electron/electron/issues/26704. */
const inLines = (text: string): string => text.match(/.{1,50}/gu)?.join('\n') ?? '';

/** @returns what asks the user, and opens what was agreed to */
export function linkOpener(ask: Ask): (address: string) => Promise<void> {
  let asking = false;
  return async (address) => {
    const url = check(address);
    // One question at a time: a page can't bury the user in them.
    if (asking) return;
    asking = true;
    try {
      const isMail = url.protocol === 'mailto:';
      const answer = await ask({
        type: 'question',
        title: 'Signet',
        message: inLines(isMail ? `Write a mail to ${url.pathname}?` : `Open a page of ${url.host}?`),
        detail: inLines(url.href),
        buttons: ['Open', 'Cancel'],
        defaultId: 1,
        cancelId: 1,
        noLink: true,
      });
      if (answer !== 0) return;
      await shell.openExternal(url.href).catch((cause: unknown) => {
        const program = isMail ? 'mail program' : 'browser';
        throw new Failure(
          'link-unusable',
          `The address can't be opened: this computer's ${program} does not take it. Set one up, or copy the address.`,
          { cause },
        );
      });
    } finally {
      asking = false;
    }
  };
}
