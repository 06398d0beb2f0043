// The messages that have been on the screen: fetched with their texts when they are about to be shown, kept current by
// what main tells.
import { defineStore } from 'pinia';
import { shallowReactive } from 'vue';
import type { Conversation, Message, MessageRow } from '../../preload/contract.ts';
import { calls } from '../bridge.ts';
import { useApp } from './app.ts';

/** Messages fetched at once: few, since each is decrypted. */
const PAGE = 12;
/** Messages that fill a screen. */
const SCREEN = 24;
/** How long opening a conversation waits for its texts, milliseconds. */
const PATIENCE_MS = 150;

type Loaded = {
  /** By index. */
  rows: Map<number, Message>;
  /** Pages that are being fetched, by number. */
  fetching: Map<number, Promise<void>>;
  /** What was told of messages while they were being fetched, by index. */
  told: Map<number, MessageRow>;
};

export const useMessages = defineStore('messages', () => {
  const app = useApp();
  const conversations = shallowReactive(new Map<string, Loaded>());

  function of(contact: string): Loaded {
    let loaded = conversations.get(contact);
    if (!loaded) {
      loaded = { rows: shallowReactive(new Map()), fetching: new Map(), told: new Map() };
      conversations.set(contact, loaded);
    }
    return loaded;
  }

  const get = (contact: string, index: number): Message | undefined => of(contact).rows.get(index);

  async function takePage(contact: string, page: number): Promise<void> {
    const { rows, fetching, told } = of(contact);
    const asked = calls.messages({ contact, from: page * PAGE, count: PAGE });
    const result = await asked.finally(() => fetching.delete(page));
    if (!result.ok) return app.notify(result.failure);
    for (const message of result.value) {
      const { index, revision } = message;
      const known = rows.get(index) ?? told.get(index);
      rows.set(index, known && known.revision > revision ? { ...message, ...known } : message);
      told.delete(index);
    }
    // A message that came after the page was read, and was told before it arrived.
    const missed = [...told.keys()].filter((index) => Math.floor(index / PAGE) === page);
    for (const index of missed) told.delete(index);
    if (fetching.size === 0) told.clear();
    if (missed.length > 0) await fetchPage(contact, page);
  }

  function fetchPage(contact: string, page: number): Promise<void> {
    const { fetching } = of(contact);
    const fetched = fetching.get(page) ?? takePage(contact, page);
    fetching.set(page, fetched);
    return fetched;
  }

  /** Fetches what is missing of the messages from `first` to `last`, the newest first; waits also for what is being
   * fetched already. */
  async function ensure(contact: string, first: number, last: number): Promise<void> {
    const { rows } = of(contact);
    const pages = new Set<number>();
    for (let index = last; index >= Math.max(first, 0); index--) {
      if (!rows.has(index)) pages.add(Math.floor(index / PAGE));
    }
    await Promise.all([...pages].map((page) => fetchPage(contact, page)));
  }

  /** Fetches what a conversation shows first, for as long as nobody notices the wait. */
  async function preload({ contact, count, firstUnread }: Conversation): Promise<void> {
    const last = Math.min(count - 1, (firstUnread ?? count - 1) + SCREEN);
    const first = Math.max(0, (firstUnread ?? count) - SCREEN);
    await Promise.race([
      ensure(contact, first, last),
      new Promise((resolve) => setTimeout(resolve, PATIENCE_MS)),
    ]);
  }

  /** Takes what main tells. A message whose text isn't here yet is fetched when it is about to be shown. */
  function apply(rows: MessageRow[]): void {
    for (const row of rows) {
      const loaded = of(row.contact);
      const known = loaded.rows.get(row.index);
      if (known && row.revision > known.revision) loaded.rows.set(row.index, { ...known, ...row });
      else if (!known && loaded.fetching.size > 0) loaded.told.set(row.index, row);
    }
  }

  /** Its messages were deleted. */
  function forget(contact: string): void {
    conversations.delete(contact);
  }

  return {
    get,
    ensure,
    preload,
    apply,
    forget,
    send: (to: string, text: string) => calls.sendMessage({ to, text }),
    retry: (id: string) => calls.retryMessage({ id }),
    details: (contact: string, position: number) => calls.messageDetails({ contact, position }),
  };
});
