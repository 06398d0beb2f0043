// What the user has chosen.
import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { Settings } from '../../preload/contract.ts';
import { calls } from '../bridge.ts';
import { useApp } from './app.ts';

export const useSettings = defineStore('settings', () => {
  const app = useApp();
  const chosen = shallowRef<Settings>({
    ...{ keepRunning: true, notifications: true, updates: true, startsWithComputer: false },
  });

  async function load(): Promise<void> {
    const result = await calls.settings();
    if (result.ok) chosen.value = result.value;
    else app.notify(result.failure);
  }

  async function change(change: Partial<Settings>): Promise<void> {
    const result = await calls.changeSettings(change);
    if (result.ok) chosen.value = result.value;
    else app.notify(result.failure);
  }

  return { chosen, load, change };
});
