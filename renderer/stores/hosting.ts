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

  /** @returns what is wrong, or null once others can join */
  async function start(port: number, address: string): Promise<FailureData | null> {
    isStarting.value = true;
    const result = await calls.host({ port, address });
    isStarting.value = false;
    return result.ok ? null : result.failure;
  }

  async function loadLog(): Promise<void> {
    const result = await calls.hostingLog();
    if (result.ok) log.value = result.value;
    else app.notify(result.failure);
  }

  async function perform(call: typeof calls.stopHosting): Promise<boolean> {
    const result = await call();
    if (!result.ok) app.notify(result.failure);
    return result.ok && result.value;
  }

  return {
    now,
    log,
    isOpen,
    isStarting,
    start,
    loadLog,
    stop: () => perform(calls.stopHosting),
    backUp: () => perform(calls.backUpRelay),
    restore: () => perform(calls.restoreRelay),
  };
});
