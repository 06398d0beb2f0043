// Sessions and the app's own schemes. Plain Chromium can't navigate to app://host/path, so it is shown
// https://host.app.invalid/path, and the answer comes from the scheme's handler, whose Request says app://. Limits:
// location, document.URL and an element's href in the page say https; a CSP that names the scheme (app:) instead
// of 'self' matches nothing; and schemes must be standard and secure. All other requests are refused and noted.
import type * as Electron from 'electron';
import type { Protocol, Session as Target } from './chromium.ts';
import { Emitter, checkOptions, guard, guardClass, type Mirror } from './guard.ts';
import { fromPartition, type PartitionSession } from './net.ts';
import { records } from './records.ts';

type Handler = (request: Request) => Response | Promise<Response>;

const privileged = new Set<string>();
const handlers = new Map<string, Handler>();
let ready = false;

export function networkIsReady(): void {
  ready = true;
}

/** app://host/path -> https://host.app.invalid/path */
export function toChromium(url: string): string {
  const { protocol, host, pathname, search, hash } = new URL(url);
  if (!privileged.has(protocol.slice(0, -1))) return url;
  return `https://${host}.${protocol.slice(0, -1)}.invalid${pathname || '/'}${search}${hash}`;
}

export function fromChromium(url: string): string {
  return url.replace(
    /^https:\/\/([^/]*)\.([^./]+)\.invalid(?=\/|$)/,
    (whole, host: string, scheme: string) => (privileged.has(scheme) ? `${scheme}://${host}` : whole),
  );
}

/** Answers a request from the scheme's handler, or refuses it. */
export async function answer(paused: Protocol.Fetch.requestPausedPayload, target: Target): Promise<void> {
  const { requestId, resourceType } = paused;
  const { method, headers, postDataEntries, url: mapped } = paused.request;
  const url = fromChromium(mapped);
  const refuse = (errorReason: Protocol.Network.ErrorReason): Promise<unknown> =>
    target.send('Fetch.failRequest', { requestId, errorReason });
  if (/^(data|blob|about):/.test(url)) return void target.send('Fetch.continueRequest', { requestId });
  const handler = handlers.get(url.split(':')[0]!);
  if (!handler) {
    records.refusedRequests.push(url);
    // An aborted navigation leaves the page where it is.
    return void (await refuse(resourceType === 'Document' ? 'Aborted' : 'BlockedByClient'));
  }
  // Chromium asks for it by itself, Electron doesn't.
  if (resourceType === 'Other' && new URL(url).pathname === '/favicon.ico')
    return void (await target.send('Fetch.fulfillRequest', { requestId, responseCode: 204 }));
  try {
    const parts = (postDataEntries ?? []).map(({ bytes }) => Buffer.from(bytes ?? '', 'base64'));
    const known = Object.entries(headers).map(
      ([name, value]) => [name, fromChromium(value)] as [string, string],
    );
    const body = parts.length > 0 ? { body: Buffer.concat(parts) } : {};
    const response = await handler(new Request(url, { method, headers: known, ...body }));
    const responseHeaders = [...response.headers].map(([name, value]) => ({ name, value }));
    const sent = Buffer.from(await response.arrayBuffer()).toString('base64');
    await target.send('Fetch.fulfillRequest', {
      requestId,
      responseCode: response.status,
      responseHeaders,
      body: sent,
    });
  } catch (error) {
    console.error(error);
    await refuse('Failed');
  }
}

class Session extends Emitter {
  permissionRequest: Parameters<Electron.Session['setPermissionRequestHandler']>[0] = null;
  permissionCheck: Parameters<Electron.Session['setPermissionCheckHandler']>[0] = null;
  permissionDevice: Parameters<Electron.Session['setDevicePermissionHandler']>[0] = null;

  constructor() {
    super('Session', []);
  }

  readonly protocol = guard('Session.protocol', {
    handle(scheme, handler): void {
      if (!privileged.has(scheme)) throw new Error(`The stand-in has no electron.protocol for ${scheme}:`);
      if (handlers.has(scheme)) throw new Error(`Failed to register protocol: ${scheme}`);
      handlers.set(scheme, handler);
    },
  } satisfies Pick<Electron.Protocol, 'handle'>);

  setPermissionRequestHandler(handler: typeof this.permissionRequest): void {
    this.permissionRequest = handler;
  }

  setPermissionCheckHandler(handler: typeof this.permissionCheck): void {
    this.permissionCheck = handler;
  }

  setDevicePermissionHandler(handler: typeof this.permissionDevice): void {
    this.permissionDevice = handler;
  }
}

guardClass('Session', Session satisfies Mirror<Session, Electron.Session, 'protocol'>);
const only = new Session();
export type { Session };

export const session = guard('session', {
  get defaultSession(): Session {
    if (!ready) throw new Error('Session can only be received when app is ready');
    return only;
  },
  fromPartition(partition: string, options?: Electron.FromPartitionOptions): PartitionSession {
    if (!ready) throw new Error('Session can only be received when app is ready');
    return fromPartition(partition, options);
  },
});

export const protocol = guard('protocol', {
  handle(scheme, handler): void {
    session.defaultSession.protocol.handle(scheme, handler);
  },

  /** "This method can only be used before the `ready` event of the `app` module gets emitted" */
  registerSchemesAsPrivileged(schemes): void {
    if (ready) throw new Error('protocol.registerSchemesAsPrivileged should be called before app is ready');
    for (const { scheme, privileges = {} } of schemes) {
      const known = ['standard', 'secure', 'supportFetchAPI', 'stream', 'codeCache', 'corsEnabled'];
      checkOptions('CustomScheme', privileges, known);
      if (!privileges.standard || !privileges.secure)
        throw new Error('The stand-in has no electron.protocol scheme that is not both standard and secure');
      privileged.add(scheme);
    }
  },
} satisfies Pick<Electron.Protocol, 'handle' | 'registerSchemesAsPrivileged'>);
