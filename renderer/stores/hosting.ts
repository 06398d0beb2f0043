// The relay that this computer hosts, as main tells of it, and whether its dialog is open.
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import type { FailureData, Hosting } from '../../preload/contract.ts';
import { calls } from '../bridge.ts';
import { useApp } from './app.ts';

export const useHosting = defineStore('hosting', () => {
  const app = useApp();
  const now = shallowRef<Hosting>({
    ...{ state: 'off', failure: null, port: 7443, address: '', addresses: [], invite: null },
    ...{ others: 0, messages: 0, bytes: 0, since: null },
  });
  const log = shallowRef<string[]>([]);
  const isOpen = ref(false);
  /** It was just asked for, and has not answered yet. */
  const isStarting = ref(false);
  const isBusy = ref(false);
  /** How what was asked for last has ended. */
  const told = shallowRef<string | null>(null);

  /** @returns what is wrong, or null once others can join */
  async function start(port: number, address: string): Promise<FailureData | null> {
    isStarting.value = true;
    told.value = null;
    const result = await calls.host({ port, address });
    isStarting.value = false;
    return result.ok ? null : result.failure;
  }

  async function loadLog(): Promise<void> {
    const result = await calls.hostingLog();
    if (result.ok) log.value = result.value;
    else app.notify(result.failure);
  }

  /** @param done what to say when it was done */
  async function perform(call: typeof calls.stopHosting, done?: string): Promise<void> {
    if (isBusy.value) return;
    isBusy.value = true;
    told.value = null;
    const result = await call();
    isBusy.value = false;
    if (!result.ok) told.value = result.failure.message;
    else if (result.value) told.value = done ?? null;
  }

  return {
    now,
    log,
    isOpen,
    isStarting,
    isBusy,
    told,
    start,
    loadLog,
    stop: () => perform(calls.stopHosting),
    backUp: () => perform(calls.backUpRelay, 'The backup is written.'),
    restore: () => perform(calls.restoreRelay, 'The relay is restored from the backup.'),
  };
});
