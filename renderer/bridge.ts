// The way to the main process: the only file that touches window.bridge.
import type { Bridge } from '../preload/contract.ts';

declare global {
  interface Window {
    readonly bridge: Bridge;
  }
}

/** Each call answers with its value, or with a failure as data. Inputs are plain values: Vue's proxies can't cross. */
export const { calls, on } = window.bridge;
