// What was begun to be written, for each contact: here at once, and on the disk (sealed, by main) after a short while.
import { defineStore } from 'pinia';
import { shallowReactive } from 'vue';
import { calls } from '../bridge.ts';
import { useApp } from './app.ts';

const SAVE_MS = 400;

export const useDrafts = defineStore('drafts', () => {
  const app = useApp();
  const texts = shallowReactive(new Map<string, string>());
  const saved = new Map<string, string>();
  const timers = new Map<string, ReturnType<typeof setTimeout>>();

  const get = (contact: string): string => texts.get(contact) ?? '';

  /** Fetches what was begun in an earlier run; what has been typed meanwhile stays. */
  async function load(contact: string): Promise<void> {
    if (texts.has(contact)) return;
    const result = await calls.draft({ contact });
    if (!result.ok) return app.notify(result.failure);
    if (texts.has(contact)) return;
    saved.set(contact, result.value);
    texts.set(contact, result.value);
  }

  async function save(contact: string): Promise<void> {
    clearTimeout(timers.get(contact));
    timers.delete(contact);
    const text = texts.get(contact);
    // What was never loaded, and never typed, must not replace what is on the disk.
    if (text === undefined || saved.get(contact) === text) return;
    saved.set(contact, text);
    const result = await calls.saveDraft({ contact, text });
    if (result.ok) return;
    saved.delete(contact);
    app.notify(result.failure);
  }

  function set(contact: string, text: string): void {
    texts.set(contact, text);
    clearTimeout(timers.get(contact));
    timers.set(
      contact,
      setTimeout(() => void save(contact), SAVE_MS),
    );
  }

  /** Empties the composer while a text is on its way; on the disk it stays until it was accepted. */
  function take(contact: string): string {
    clearTimeout(timers.get(contact));
    timers.delete(contact);
    const text = get(contact);
    texts.set(contact, '');
    return text;
  }

  /** A text could not be sent: it comes back, before what has been typed since. */
  function giveBack(contact: string, text: string): void {
    const since = get(contact);
    set(contact, since === '' ? text : `${text}\n${since}`);
  }

  async function saveAll(): Promise<void> {
    await Promise.all([...timers.keys()].map(save));
  }

  return { get, load, set, save, saveAll, take, giveBack };
});
