// What runs inside Chromium, injected as source: in the page's own world, and in the preload's with its `electron`.
// Nothing here may refer to anything outside of its own function.
import type { bridgeEnd, Callback } from './bridge.ts';
import type { pack, unpack } from './clone.ts';

// The page's types are not this project's: these few are enough.
type Page = EventTarget & {
  parent: unknown;
  close: () => void;
  getSelection: () => unknown;
  standIn: (text: string) => void;
  DOMException: typeof DOMException;
  Notification: { requestPermission: () => Promise<string> };
  navigator: {
    mediaDevices: { getUserMedia: (wanted: unknown) => Promise<unknown> };
    geolocation: { getCurrentPosition: (...ways: ((outcome: unknown) => void)[]) => unknown };
  };
};
type ContextEvent = Event & {
  clientX: number;
  clientY: number;
  target: { isContentEditable: boolean; tagName: string };
};
declare const window: Page;
declare const document: EventTarget & {
  title: string;
  head: object;
  createElement(tag: string): EventTarget;
};
declare const MutationObserver: new (changed: () => void) => { observe(node: object, what: object): void };
declare const MouseEvent: new (type: string, init: { relatedTarget: EventTarget }) => Event;

/** In the page's own world: waits for the preload's end, and lets it expose things. Leaves no trace. */
export function mainWorld(secret: string, makeEnd: typeof bridgeEnd): void {
  if (window.parent !== window) return;
  const freeze = (item: unknown): unknown => {
    if ((typeof item !== 'object' && typeof item !== 'function') || item === null) return item;
    if (ArrayBuffer.isView(item)) return item;
    Object.values(item).forEach(freeze);
    return Object.freeze(item);
  };
  const expose = (key: unknown, api: unknown): void => {
    if ((key as string) in window)
      throw new Error('Cannot bind an API on top of an existing property on the window object');
    Object.defineProperty(window, key as string, { value: freeze(api), enumerable: true });
  };
  const meet = (event: Event): void => {
    const { kept, call } = makeEnd(
      (event as Event & { relatedTarget: EventTarget }).relatedTarget,
      'main',
      'preload',
    );
    kept.push(expose);
    const ask = (question: FromPage): Promise<boolean> => call(0, [question]) as Promise<boolean>;
    window.close = () => void ask('close');
    const { navigator, Notification, DOMException } = window;
    // Chromium without a head asks nobody.
    Notification.requestPermission = async () => ((await ask('notifications')) ? 'granted' : 'denied');
    const { mediaDevices, geolocation } = navigator;
    const { getUserMedia } = mediaDevices;
    mediaDevices.getUserMedia = async (wanted) => {
      if (await ask('media')) return getUserMedia.call(mediaDevices, wanted);
      throw new DOMException('Permission denied', 'NotAllowedError');
    };
    const { getCurrentPosition } = geolocation;
    geolocation.getCurrentPosition = async (...ways) => {
      if (await ask('geolocation')) getCurrentPosition.call(geolocation, ...ways);
      else ways[1]?.({ code: 1, message: 'User denied Geolocation' });
    };
  };
  document.addEventListener(secret, meet, { once: true });
}

export type Preload = (
  require: (name: string) => unknown,
  module: object,
  exports: object,
  ...rest: unknown[]
) => void;
/** What a page asks the window or the session for. */
export type FromPage = 'close' | 'focus' | 'blur' | 'notifications' | 'media' | 'geolocation';
export type ContextMenu = Pick<Electron.ContextMenuParams, 'x' | 'y' | 'isEditable' | 'selectionText'> & {
  editFlags: Pick<Electron.EditFlags, 'canCut' | 'canCopy' | 'canPaste' | 'canSelectAll'>;
};
type Message =
  | { channel: string; args: unknown[] }
  | { question: FromPage }
  | { title: string }
  | { contextMenu: ContextMenu };
export type FromPreload = { id: number } & Message;
export type ToPreload =
  { id: number; result?: unknown; error?: string } | { channel: string; args: unknown[] };

/** In the preload's world. */
export function preloadWorld(
  secret: string,
  makeEnd: typeof bridgeEnd,
  clone: { pack: typeof pack; unpack: typeof unpack },
  process: Record<string, unknown>,
  preload: Preload,
): void {
  // With nodeIntegrationInSubFrames "All your preloads will load for every iframe"; without it, only here.
  if (window.parent !== window) return;
  const channel = document.createElement('div');
  document.dispatchEvent(new MouseEvent(secret, { relatedTarget: channel }));
  const { kept, call } = makeEnd(channel, 'preload', 'main');

  const only = <T extends object>(name: string, object: T): T =>
    new Proxy(object, {
      get(target, key): unknown {
        if (typeof key === 'symbol' || key in target) return Reflect.get(target, key);
        throw new Error(`The stand-in has no ${name}${key}`);
      },
    });

  const waiting = new Map<number, [(result: unknown) => void, (error: Error) => void]>();
  const listeners = new Map<string, Callback[]>();
  let next = 1;
  const tell = (message: Message): Promise<unknown> => {
    const id = next++;
    window.standIn(clone.pack({ id, ...message } satisfies FromPreload));
    return new Promise((...ways) => waiting.set(id, ways));
  };
  let title = '';
  const tellTitle = (): void => {
    if (document.title !== title) void tell({ title: (title = document.title) });
  };
  document.addEventListener('DOMContentLoaded', () => {
    new MutationObserver(tellTitle).observe(document.head, {
      childList: true,
      subtree: true,
      characterData: true,
    });
    tellTitle();
  });
  window.addEventListener('contextmenu', (event) => {
    const { clientX: x, clientY: y, target, defaultPrevented } = event as ContextEvent;
    if (defaultPrevented) return;
    const isEditable = target.isContentEditable || /^(INPUT|TEXTAREA)$/.test(target.tagName);
    const selectionText = String(window.getSelection());
    const selected = selectionText !== '';
    const editFlags = {
      canCut: isEditable && selected,
      canCopy: selected,
      canPaste: isEditable,
      canSelectAll: true,
    };
    void tell({ contextMenu: { x, y, isEditable, selectionText, editFlags } });
  });
  for (const question of ['focus', 'blur'] as const)
    window.addEventListener(question, () => void tell({ question }));
  kept.push((question) => tell({ question: question as FromPage }));
  const ipcRenderer = only('electron.ipcRenderer.', {
    invoke: async (channel: string, ...args: unknown[]): Promise<unknown> => tell({ channel, args }),
    on(channel: string, listener: Callback) {
      listeners.set(channel, [...(listeners.get(channel) ?? []), listener]);
      return ipcRenderer;
    },
    off: (channel: string, listener: Callback) => remove(channel, listener),
    removeListener: (channel: string, listener: Callback) => remove(channel, listener),
  });
  const remove = (channel: string, listener: Callback): unknown => {
    listeners.set(
      channel,
      (listeners.get(channel) ?? []).filter((one) => one !== listener),
    );
    return ipcRenderer;
  };
  Object.defineProperty(window, 'standInDeliver', {
    value: (text: string) => {
      const message = clone.unpack(text) as ToPreload;
      if ('channel' in message) {
        const event = only('IpcRendererEvent.', { sender: ipcRenderer, ports: [] });
        for (const listener of listeners.get(message.channel) ?? []) listener(event, ...message.args);
        return;
      }
      const [resolve, reject] = waiting.get(message.id)!;
      waiting.delete(message.id);
      if (message.error === undefined) resolve(message.result);
      else reject(new Error(message.error));
    },
  });

  const exposeInMainWorld = (key: string, api: unknown): unknown => call(0, [key, api]);
  const electron = only('electron.', {
    contextBridge: only('electron.contextBridge.', { exposeInMainWorld }),
    ipcRenderer,
  });
  // "will only be able to import a subset of Electron and Node's built-in modules: `electron` (only renderer process
  // modules), `events`, `timers`, `url`" (Process Sandboxing)
  const require = (name: string): unknown => {
    if (name === 'electron' || name === 'electron/renderer') return electron;
    if (['events', 'timers', 'url'].includes(name))
      throw new Error(`The stand-in has no ${name} for a preload`);
    throw new Error(`module not found: ${name}`); // the words of Electron's sandboxed require
  };
  const module = { exports: {} };
  const lacks = ['Buffer', 'setImmediate', 'clearImmediate'].map((name) =>
    only(`${name}.`, () => only(name, {})),
  );
  try {
    preload(require, module, module.exports, only('process.', process), ...lacks);
  } catch (error) {
    console.error('Unable to load preload script:', error);
  }
}
