// The bridge: gives the page a function for each call and event of the contract, and nothing of Electron's own.
import { contextBridge, ipcRenderer, type IpcRendererEvent } from 'electron';
import { type Bridge, calls, events } from './contract.ts';

const bridge = {
  calls: Object.fromEntries(
    Object.keys(calls).map((name) => [name, (input: unknown) => ipcRenderer.invoke(name, input)]),
  ),
  on: Object.fromEntries(
    Object.keys(events).map((name) => [
      name,
      (listener: (value: unknown) => void) => {
        // The event itself holds the sender: only its value goes on.
        const hear = (_event: IpcRendererEvent, value: unknown): void => listener(value);
        ipcRenderer.on(name, hear);
        return () => void ipcRenderer.off(name, hear);
      },
    ]),
  ),
} as unknown as Bridge;

contextBridge.exposeInMainWorld('bridge', bridge);
