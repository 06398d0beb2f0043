// ipcMain, and the way of a call to its handler and back.
import type * as Electron from 'electron';
import { pack } from './clone.ts';
import { guard } from './guard.ts';

type Handler = Parameters<Electron.IpcMain['handle']>[1];
const handlers = new Map<string, Handler>();

export const ipcMain = guard('ipcMain', {
  handle(channel, listener): void {
    if (handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`);
    handlers.set(channel, listener);
  },
  removeHandler: (channel) => void handlers.delete(channel),
} satisfies Pick<Electron.IpcMain, 'handle' | 'removeHandler'>);

/**
 * "Errors thrown through `handle` in the main process are not transparent as they are serialized and only the
 * `message` property from the original error is provided to the renderer process." (ipcMain.handle)
 */
export async function dispatch(
  event: Electron.IpcMainInvokeEvent,
  channel: string,
  args: unknown[],
): Promise<{ result: unknown } | { error: string }> {
  try {
    const handler = handlers.get(channel);
    if (!handler) throw new Error(`No handler registered for '${channel}'`);
    const result: unknown = await handler(event, ...args);
    pack(result); // what can't be cloned fails here, not on the way
    return { result };
  } catch (error) {
    console.error(`Error occurred in handler for '${channel}':`, error);
    return { error: `Error invoking remote method '${channel}': ${String(error)}` };
  }
}
