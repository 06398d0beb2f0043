// WebContents: a page of Chromium, its frames, the calls that its preload makes, and what it may navigate to.
import type * as Electron from 'electron';
import type { Protocol, Session as Target } from './chromium.ts';
import { pack, unpack } from './clone.ts';
import { Frame } from './frame.ts';
import { Emitter, guard, guardClass, type Mirror, preventable } from './guard.ts';
import { dispatch } from './ipc-main.ts';
import { answer, fromChromium, session, type Session, toChromium } from './network.ts';
import type { FromPreload, ToPreload } from './page.ts';
import { preloadScripts, world } from './preload.ts';
import { records } from './records.ts';

const events = [
  'will-navigate',
  'will-frame-navigate',
  'will-redirect',
  'will-attach-webview',
  'did-finish-load',
];
/** Those with a dash are for BrowserWindow. */
const more = ['render-process-gone', 'context-menu', 'destroyed', '-close', '-focus', '-title'];
let lastId = 0;

export class WebContents extends Emitter {
  readonly id = ++lastId;
  readonly session = session.defaultSession;
  readonly #frames = new Map<string, Frame>();
  readonly #preferences: Electron.WebPreferences;
  #main = new Frame(1, null);
  #target?: Target;
  #context: number | undefined;
  #openHandler?: Parameters<Electron.WebContents['setWindowOpenHandler']>[0];
  #webRtcPolicy = 'default';
  #destroyed = false;
  /** What loadURL or reload asked for: "will-navigate" isn't meant for it. */
  #expected: string | undefined;
  #opened = Promise.withResolvers<void>();

  constructor(preferences: Electron.WebPreferences) {
    super('WebContents', [...events, ...more]);
    this.#preferences = preferences;
  }

  get mainFrame(): Frame {
    return this.#main;
  }

  /** For BrowserWindow: the page of Chromium, which still waits. */
  async attach(target: Target): Promise<void> {
    this.#target = target;
    this.#frames.clear();
    this.#context = undefined;
    target.on('Page.frameNavigated', ({ frame }) => this.#navigated(frame));
    target.on('Page.navigatedWithinDocument', ({ frameId, url }) => {
      const frame = this.#frames.get(frameId);
      if (frame) frame.url = fromChromium(url);
    });
    target.on('Page.frameAttached', ({ frameId, parentFrameId }) => {
      const parent = this.#frames.get(parentFrameId) ?? this.#main;
      this.#frames.set(frameId, new Frame(this.#frames.size + 1, parent));
    });
    target.on('Page.loadEventFired', () => this.emit('did-finish-load', preventable()));
    target.on('Page.windowOpen', (opened) => this.#windowOpen(opened));
    target.on('Fetch.requestPaused', (paused) => void this.#requested(paused));
    target.on('Network.webSocketCreated', ({ url }) => void records.refusedRequests.push(url));
    target.on('Inspector.targetCrashed', () => {
      this.emit('render-process-gone', preventable(), { reason: 'crashed', exitCode: 139 });
    });
    target.on('Runtime.executionContextCreated', ({ context }) => {
      const { frameId } = context.auxData as { frameId: string };
      if (context.name === world && this.#frames.get(frameId) === this.#main) this.#context = context.id;
    });
    target.on('Runtime.bindingCalled', ({ name, payload, executionContextId }) => {
      if (name === 'standIn' && executionContextId === this.#context) void this.#called(payload);
    });
    const { frameTree } = await target.send('Page.getFrameTree');
    this.#frames.set(frameTree.frame.id, this.#main);
    await Promise.all([
      ...[target.send('Page.enable'), target.send('Runtime.enable'), target.send('Network.enable')],
      target.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] }),
      target.send('Runtime.addBinding', { name: 'standIn', executionContextName: world }),
      ...preloadScripts(this.#preferences.preload).map((script) =>
        target.send('Page.addScriptToEvaluateOnNewDocument', script),
      ),
      target.send('Runtime.runIfWaitingForDebugger'),
    ]);
    this.#opened.resolve();
  }

  #navigated(navigated: Protocol.Page.Frame): void {
    const frame = this.#frames.get(navigated.id);
    if (!frame) return;
    frame.url = fromChromium(navigated.url);
    frame.name = navigated.name ?? '';
  }

  async #requested(paused: Protocol.Fetch.requestPausedPayload): Promise<void> {
    const frame = this.#frames.get(paused.frameId);
    if (paused.resourceType === 'Document' && frame && !this.#mayNavigate(paused, frame))
      return void this.#target!.send('Fetch.failRequest', {
        requestId: paused.requestId,
        errorReason: 'Aborted',
      }).catch(() => {});
    await answer(paused, this.#target!).catch(() => {}); // the page has gone in between
  }

  #mayNavigate({ request, redirectedRequestId }: Protocol.Fetch.requestPausedPayload, frame: Frame): boolean {
    // "This event will not emit when the navigation is started programmatically with APIs like
    // `webContents.loadURL` and `webContents.back`." (will-navigate)
    const isMainFrame = frame === this.#main;
    if (isMainFrame && this.#expected === request.url) return ((this.#expected = undefined), true);
    const url = fromChromium(request.url);
    const details = { url, isMainFrame, isSameDocument: false, frame };
    if (redirectedRequestId) return !this.ask('will-redirect', details, url, false, isMainFrame);
    // "Unlike `will-navigate`, `will-frame-navigate` is fired when the main frame or any of its subframes attempts
    // to navigate. When the navigation event comes from the main frame, `isMainFrame` will be `true`."
    if (this.ask('will-frame-navigate', details)) return false;
    return !isMainFrame || !this.ask('will-navigate', details, url);
  }

  /** Nothing is ever opened; a handler that allows it meets what the stand-in lacks. */
  #windowOpen({ url: mapped, windowName, windowFeatures }: Protocol.Page.windowOpenPayload): void {
    const url = fromChromium(mapped);
    const details = { url, frameName: windowName, features: windowFeatures.join(',') };
    const referrer = { url: '', policy: 'strict-origin-when-cross-origin' } as const;
    const answer = this.#openHandler?.({ ...details, referrer, disposition: 'foreground-tab' });
    if (answer?.action === 'deny') return;
    console.error(new Error(`The stand-in has no electron.WebContents window opened by a page (${url})`));
  }

  async #called(payload: string): Promise<void> {
    const message = unpack(payload) as FromPreload;
    const context = this.#context;
    const result = await this.#answer(message);
    if (context === this.#context) this.#deliver({ id: message.id, ...result });
  }

  async #answer(message: FromPreload): Promise<{ result: unknown } | { error: string }> {
    if ('channel' in message) return dispatch(this.invokeEvent(this.#main), message.channel, message.args);
    if ('contextMenu' in message) {
      const params = guard('ContextMenuParams', message.contextMenu);
      return { result: this.emit('context-menu', preventable(), params) };
    }
    if ('title' in message) return { result: this.emit('-title', message.title) };
    if (message.question === 'focus' || message.question === 'blur')
      return { result: this.emit('-focus', message.question === 'focus') };
    if (message.question === 'close') return { result: this.emit('-close') };
    return { result: await this.askPermission(message.question) };
  }

  /**
   * "By default, Electron will automatically approve all permission requests unless the developer has manually configured
   * a custom handler." (Security)
   */
  askPermission(permission: Parameters<NonNullable<Session['permissionRequest']>>[1]): Promise<boolean> {
    const handler = this.session.permissionRequest;
    if (!handler) return Promise.resolve(true);
    const details = { requestingUrl: this.getURL(), isMainFrame: true };
    return new Promise((resolve) => handler(this as never, permission, resolve, details));
  }

  /** "Returning `true` will allow the permission and `false` will reject it." Without a handler it is allowed. */
  checkPermission(permission: Parameters<NonNullable<Session['permissionCheck']>>[1]): boolean {
    const details = { requestingUrl: this.getURL(), isMainFrame: true };
    const { origin } = this.#main;
    return this.session.permissionCheck?.(this as never, permission, origin, details) ?? true;
  }

  /** Without a handler, a device that was chosen once is allowed for as long as it stays there. */
  checkDevice(deviceType: 'hid' | 'serial' | 'usb'): boolean {
    const { origin } = this.#main;
    return this.session.permissionDevice?.({ deviceType, origin, device: {} as never }) ?? true;
  }

  /**
   * "The frame that sent this message. May be `null` if accessed after the frame has either navigated or been
   * destroyed." (senderFrame; here it isn't null even then)
   */
  invokeEvent(senderFrame: Frame): Electron.IpcMainInvokeEvent {
    const { processId, routingId: frameId } = senderFrame;
    const event = { type: 'frame', processId, frameId, sender: this, senderFrame } as const;
    return preventable(event) as unknown as Electron.IpcMainInvokeEvent;
  }

  #deliver(message: ToPreload): void {
    const expression = `standInDeliver(${JSON.stringify(pack(message))})`;
    if (this.#context === undefined || this.#destroyed) return; // as in Electron, nobody is there to hear it
    this.#target!.send('Runtime.evaluate', { expression, contextId: this.#context }).catch(() => {});
  }

  send(channel: string, ...args: unknown[]): void {
    this.#deliver({ channel, args });
  }

  /** "The promise will resolve when the page has finished loading [...], and rejects if the page fails to load" */
  async loadURL(url: string): Promise<void> {
    await this.#opened.promise;
    const mapped = toChromium(url);
    this.#expected = mapped.split('#')[0];
    const loaded = new Promise((resolve) => this.once('did-finish-load', resolve));
    const { errorText } = await this.#target!.send('Page.navigate', { url: mapped });
    if (errorText) throw new Error(`${errorText.replace('net::', '')} loading '${url}'`);
    await loaded;
  }

  reload(): void {
    this.#expected = toChromium(this.getURL()).split('#')[0];
    void this.#target?.send('Page.reload');
  }

  getURL(): string {
    return this.#main.url;
  }

  setWindowOpenHandler(handler: Parameters<Electron.WebContents['setWindowOpenHandler']>[0]): void {
    this.#openHandler = handler;
  }

  /** What the roles of menu items do to the page: copy, paste and so on are commands of Chromium's own. */
  edit(command: string): void {
    void this.#target?.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', commands: [command] });
  }

  crash(): void {
    this.#target?.send('Page.crash').catch(() => {}); // it has
  }

  /** "If it is set to `false`, can not use `BrowserWindow.webContents.openDevTools()` to open DevTools." (devTools) */
  openDevTools(): void {
    if (this.#preferences.devTools !== false) records.devTools++;
  }

  /** "Setting the WebRTC IP handling policy allows you to control which IPs are exposed via WebRTC"; kept, not enforced. */
  setWebRTCIPHandlingPolicy(policy: Parameters<Electron.WebContents['setWebRTCIPHandlingPolicy']>[0]): void {
    this.#webRtcPolicy = policy;
  }

  getWebRTCIPHandlingPolicy(): string {
    return this.#webRtcPolicy;
  }

  getLastWebPreferences(): Electron.WebPreferences {
    return this.#preferences;
  }

  isDestroyed(): boolean {
    return this.#destroyed;
  }

  /** For BrowserWindow: the page is no more. */
  gone(): void {
    this.#destroyed = true;
    this.emit('destroyed');
  }
}

type Mirrored = Mirror<WebContents, Electron.WebContents, 'session' | 'mainFrame'>;
guardClass('WebContents', WebContents satisfies Mirrored);
