// net: requests of main's own, over Node.js's HTTP in place of Chromium's, in a session that pages have no part in. The
// certificates that are trusted are Node.js's (and those of NODE_EXTRA_CA_CERTS); there is no proxy, cache or cookie.
import { type ClientRequest as NodeRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type * as Electron from 'electron';
import { checkOptions, Emitter, guard, guardClass, type Mirror } from './guard.ts';

type Listener = Parameters<Electron.WebRequest['onBeforeRequest']>[0];

export class PartitionSession {
  before: Listener = null;

  readonly webRequest = guard('Session.webRequest', {
    /** "If no filter is passed, listener will be called for every request" */
    onBeforeRequest: (listener: Listener): void => {
      this.before = listener;
    },
  });
}
guardClass('Session', PartitionSession satisfies Mirror<PartitionSession, Electron.Session, 'webRequest'>);

const partitions = new Map<string, PartitionSession>();

/** "If there is an existing `Session` with the same `partition`, it will be returned" */
export function fromPartition(
  partition: string,
  options: Electron.FromPartitionOptions = { cache: true },
): PartitionSession {
  checkOptions('session.fromPartition', options, ['cache']);
  const session = partitions.get(partition) ?? new PartitionSession();
  partitions.set(partition, session);
  return session;
}

/** Node's names for what Chromium calls otherwise. */
const errors: Partial<Record<string, string>> = {
  ECONNREFUSED: 'CONNECTION_REFUSED',
  ECONNRESET: 'CONNECTION_RESET',
  ENOTFOUND: 'NAME_NOT_RESOLVED',
  EAI_AGAIN: 'INTERNET_DISCONNECTED',
  ENETUNREACH: 'ADDRESS_UNREACHABLE',
  SELF_SIGNED_CERT_IN_CHAIN: 'CERT_AUTHORITY_INVALID',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'CERT_AUTHORITY_INVALID',
};
const netError = (name: string): Error => new Error(`net::ERR_${name}`);

type Options = Omit<Electron.ClientRequestConstructorOptions, 'session'> & { session?: PartitionSession };

class ClientRequest extends Emitter {
  readonly #options: Options;
  #sent: NodeRequest | undefined;
  #over = false;
  #follows = false;

  constructor(options: Options) {
    // It "implements the Writable Stream interface": Node.js's own names can be listened for, and never come.
    const own = ['response', 'login', 'redirect', 'abort', 'error', 'close', 'finish'];
    super('ClientRequest', [...own, 'socket', 'aborted']);
    const known = ['method', 'url', 'headers', 'session', 'protocol', 'hostname', 'port', 'path', 'redirect'];
    checkOptions('net.request', options, known);
    if (!options.session) throw new Error('The stand-in has no electron.net.request without a session');
    this.#options = options;
  }

  end(chunk?: string | Buffer): this {
    const { url, protocol = 'http:', hostname, port, path = '/' } = this.#options;
    this.#send(url ?? `${protocol}//${hostname}${port ? `:${port}` : ''}${path}`, chunk);
    return this;
  }

  /** "If the request is already closed, the abort operation will have no effect. Otherwise an ongoing operation will emit
   * `abort` and `close` events." */
  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#sent?.destroy();
    this.emit('abort');
    this.emit('close');
  }

  /** "Continues any pending redirection. Can only be called during a `'redirect'` event." */
  followRedirect(): void {
    this.#follows = true;
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.emit('error', error);
    this.emit('close');
  }

  #send(url: string, chunk?: string | Buffer): void {
    const { session, method = 'GET', headers = {} } = this.#options;
    const proceed = ({ cancel = false }: Electron.CallbackResponse = {}): void => {
      if (cancel) return this.#fail(netError('BLOCKED_BY_CLIENT'));
      const request = url.startsWith('https:') ? requestHttps : requestHttp;
      this.#sent = request(url, { method, headers }, (response) => this.#answered(url, response));
      this.#sent.on('error', (error: NodeJS.ErrnoException) =>
        this.#fail(netError(errors[error.code ?? ''] ?? `FAILED (${error.code})`)),
      );
      this.#sent.end(chunk);
    };
    const details = { url, method } as Electron.OnBeforeRequestListenerDetails;
    if (session!.before) session!.before(details, proceed);
    else proceed();
  }

  /** "When mode is `manual` the redirection will be cancelled unless `request.followRedirect` is invoked synchronously
   * during the `redirect` event. Defaults to `follow`." */
  #answered(from: string, response: IncomingMessage): void {
    const { statusCode = 0, headers } = response;
    if (statusCode < 300 || statusCode > 399 || !headers.location) {
      response.once('close', () => this.emit('close'));
      return void this.emit('response', response);
    }
    response.destroy();
    const to = new URL(headers.location, from).href;
    this.#follows = (this.#options.redirect ?? 'follow') === 'follow';
    this.emit('redirect', statusCode, 'GET', to, headers);
    if (this.#over) return;
    if (this.#follows) this.#send(to);
    else this.#fail(new Error('Redirect was cancelled'));
  }
}
guardClass('ClientRequest', ClientRequest satisfies Mirror<ClientRequest, Electron.ClientRequest, 'end'>);

export const net = guard('net', {
  request: (options: Options): ClientRequest => new ClientRequest(options),
});
