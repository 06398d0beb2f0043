// Where the app is, and the notices of what went wrong by itself.
import { expect, test, vi } from 'vitest';
import { askedOnce } from '../bridge.ts';
import { useApp } from '../../../renderer/stores/app.ts';

const full = { code: 'disk-full', message: 'The disk is full.' } as const;
const refused = { code: 'message-refused', message: 'A message was refused.' } as const;

test('a notice is shown for a while, and goes by itself or when it is dismissed', async () => {
  const app = useApp();
  app.notify(full);
  await vi.advanceTimersByTimeAsync(5000);
  app.notify(refused);
  expect([...app.notices.values()]).toEqual([full, refused]);
  await vi.advanceTimersByTimeAsync(2999);
  expect(app.notices.size).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  expect([...app.notices.values()]).toEqual([refused]);
  const [notice] = app.notices.keys();
  app.dismiss(notice!);
  expect(app.notices.size).toBe(0);
});

test('the same notice again stays for longer, and stands there once', async () => {
  const app = useApp();
  app.notify(full);
  app.notify(refused);
  await vi.advanceTimersByTimeAsync(7000);
  app.notify({ ...full });
  expect([...app.notices.values()]).toEqual([refused, full]);
  await vi.advanceTimersByTimeAsync(1000);
  expect([...app.notices.values()]).toEqual([full]);
  await vi.advanceTimersByTimeAsync(7000);
  expect(app.notices.size).toBe(0);
});

test('before main has said anything the app is opening and offline', () => {
  const app = useApp();
  expect(app.stage).toEqual({ name: 'opening' });
  expect(app.connection).toEqual({ state: 'offline', trouble: null, final: false });
});

test('what the user asks for goes to main as it is, and the answer comes back', async () => {
  const app = useApp();
  const joining = app.join('bob', 'signet://join?v=1');
  const join = askedOnce('join');
  expect(join.input).toEqual({ name: 'bob', invite: 'signet://join?v=1' });
  await join.refuse(full);
  expect(await joining).toEqual({ ok: false, failure: full });
  const checking = app.checkInvite('signet://');
  const check = askedOnce('checkInvite');
  expect(check.input).toEqual({ invite: 'signet://' });
  await check.answer({ from: null, relay: '127.0.0.1:1' });
  expect(await checking).toEqual({ ok: true, value: { from: null, relay: '127.0.0.1:1' } });
  app.copy('text');
  expect(askedOnce('copyText').input).toEqual({ text: 'text' });
  app.reconnect();
  app.retry();
  app.quit();
  for (const name of ['reconnect', 'retry', 'quit'] as const) expect(askedOnce(name).input).toBeUndefined();
  expect(app.notices.size).toBe(0);
});
