// One person's messenger as a process of its own: started by chat.ts.
import { once } from 'node:events';
import { forget, systemKeychain } from '../main/messenger/keychain.ts';
import { Messenger } from '../main/messenger/messenger.ts';
import { type Standstill, watchEventLoop } from './blocking.ts';

export type Request =
  | { kind: 'come'; name: string; invite: string; directory: string }
  /** Calls send() so many times at once. */
  | { kind: 'send'; to: string; count: number; text: string }
  /** Answers when so many texts have come in since. */
  | { kind: 'await'; count: number }
  | { kind: 'leave' };
/** `at`: when it was done, in milliseconds since 1970 with fractions, the same for all processes. */
export type Reply = { at: number; standstill?: Standstill };

const now = (): number => performance.timeOrigin + performance.now();
let messenger: Messenger;
let profile: string | undefined;

async function come({ name, invite, directory }: Extract<Request, { kind: 'come' }>): Promise<void> {
  messenger = await Messenger.open({
    directory,
    joining: { name, invite },
    keychain: {
      ...systemKeychain,
      save: (account, secret) => {
        profile = account;
        return systemKeychain.save(account, secret);
      },
    },
  });
  messenger.on('failure', (failure) => console.error(failure));
  const online = new Promise<void>((resolve) => {
    messenger.on('connection', (state) => state === 'online' && resolve());
  });
  messenger.start();
  await online;
}

async function awaitTexts(count: number): Promise<Reply> {
  const stop = watchEventLoop();
  const at = await new Promise<number>((resolve) => {
    const take = (): void => {
      if (--count > 0) return;
      messenger.off('message', take);
      resolve(now());
    };
    messenger.on('message', take);
  });
  return { at, standstill: stop() };
}

async function obey(request: Request): Promise<Reply> {
  if (request.kind === 'await') return awaitTexts(request.count);
  const at = now();
  if (request.kind === 'come') await come(request);
  if (request.kind === 'send') {
    const { to, text } = request;
    await Promise.all(Array.from({ length: request.count }, () => messenger.send(to, text)));
  }
  if (request.kind === 'leave') {
    await messenger.drained(5000);
    await messenger.close();
    if (profile !== undefined) await forget(profile);
  }
  return { at };
}

process.on('disconnect', () => process.exit());
while (process.connected) {
  const [request] = (await once(process, 'message')) as [Request];
  process.send?.(await obey(request));
}
