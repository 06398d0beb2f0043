// Where the app is, how it is connected, and what went wrong by itself.
import { defineStore } from 'pinia';
import { shallowReactive, shallowRef } from 'vue';
import type { Connection, Stage, Update } from '../../preload/contract.ts';
import { calls } from '../bridge.ts';

/** A sentence: a failure's, as a rule. */
type Notice = { message: string };

/** How long a notice stays, milliseconds. */
const NOTICE_MS = 8000;

export const useApp = defineStore('app', () => {
  const stage = shallowRef<Stage>({ name: 'opening' });
  const connection = shallowRef<Connection>({ state: 'offline', trouble: null, final: false });
  const platform = shallowRef('');
  const version = shallowRef('');
  /** The invite out of a signet:// link that was opened and not dealt with yet. */
  const openedInvite = shallowRef<string | null>(null);
  const maxTextBytes = shallowRef(Infinity);
  const update = shallowRef<Update>({ name: 'off', why: null });
  const notices = shallowReactive(new Map<number, Notice>());
  let lastNotice = 0;

  function dismiss(notice: number): void {
    notices.delete(notice);
  }

  /** Shows what no field or line of the screen belongs to, for a while. */
  function notify(told: Notice): void {
    // The same again says nothing new.
    for (const [notice, shown] of notices) if (shown.message === told.message) dismiss(notice);
    const notice = ++lastNotice;
    notices.set(notice, told);
    setTimeout(() => dismiss(notice), NOTICE_MS);
  }

  function applyUpdate(told: Update): void {
    update.value = told;
    if (told.name === 'ready')
      notify({ message: `Signet ${told.version} is ready. It is installed when you quit.` });
  }

  /** Looks whether a signet:// link was opened. */
  async function fetchInvite(): Promise<void> {
    const result = await calls.openedInvite();
    if (result.ok) openedInvite.value = result.value ?? openedInvite.value;
    else notify(result.failure);
  }

  async function saveImage(name: string, png: Uint8Array<ArrayBuffer>): Promise<void> {
    const result = await calls.saveImage({ name, png });
    if (!result.ok) notify(result.failure);
  }

  /** The main process asks first. */
  async function openLink(url: string): Promise<void> {
    const result = await calls.openLink({ url });
    if (!result.ok) notify(result.failure);
  }

  const join = (name: string, invite: string) => calls.join({ name, invite });
  const checkInvite = (invite: string) => calls.checkInvite({ invite });

  return {
    stage,
    connection,
    platform,
    version,
    maxTextBytes,
    update,
    notices,
    openedInvite,
    fetchInvite,
    applyUpdate,
    saveImage,
    openLink,
    invite: () => calls.invite(),
    acceptInvite: (invite: string) => calls.acceptInvite({ invite }),
    notify,
    dismiss,
    join,
    checkInvite,
    retry: () => void calls.retry(),
    quit: () => void calls.quit(),
    reconnect: () => void calls.reconnect(),
    continueHere: () => void calls.continueHere(),
    checkForUpdates: () => void calls.checkForUpdates(),
    copy: (text: string) => void calls.copyText({ text }),
  };
});
