// How things stand, as a snapshot and the events around it say: whichever is newer.
import { expect, test } from 'vitest';
import { askedOnce, settled, tell } from './bridge.ts';
import type { Connection, Snapshot } from '../../preload/contract.ts';
import { listen } from '../../renderer/listen.ts';
import { useApp } from '../../renderer/stores/app.ts';
import { useConversations } from '../../renderer/stores/conversations.ts';
import { useHosting } from '../../renderer/stores/hosting.ts';
import { conversation } from './rows.ts';

const connection = (state: Connection['state']): Connection => ({ state, trouble: null, final: false });
const me = { name: 'alice', fingerprint: 'ab'.repeat(32), relays: ['localhost:7443'], relayKey: 'cd' };
const hosting = (others: number): Snapshot['hosting'] => ({
  ...{ state: 'on', failure: null, port: 7443, address: '', addresses: [], invite: null },
  ...{ others, messages: 0, bytes: 0, since: 1 },
});
const snapshot = (change: Partial<Snapshot> = {}): Snapshot => ({
  stage: { name: 'opening' },
  connection: connection('offline'),
  hosting: hosting(0),
  conversations: [],
  platform: 'linux',
  version: '1.2.3',
  maxTextBytes: 100,
  update: { name: 'idle' },
  ...change,
});
const welcome = { name: 'welcome', given: { name: '', invite: '' } } as const;

test('the snapshot says how things stand', async () => {
  listen();
  const list = [conversation('bob')];
  const shown = {
    stage: { name: 'ready', me },
    connection: connection('online'),
    hosting: hosting(2),
  } as const;
  await askedOnce('snapshot').answer(snapshot({ ...shown, conversations: list }));
  expect(useApp()).toMatchObject({ stage: shown.stage, connection: shown.connection, version: '1.2.3' });
  expect(useHosting().now).toEqual(hosting(2));
  expect(useConversations().list).toEqual(list);
});

test('what is told while the snapshot is on its way stays, since the snapshot may be older', async () => {
  listen();
  const asked = askedOnce('snapshot');
  await tell('stageChanged', welcome);
  await tell('connectionChanged', connection('online'));
  await tell('hostingChanged', hosting(3));
  await tell('updateChanged', { name: 'checking' });
  await asked.answer(snapshot());
  expect(useApp()).toMatchObject({ stage: welcome, connection: { state: 'online' }, platform: 'linux' });
  expect(useApp().update).toEqual({ name: 'checking' });
  expect(useHosting().now.others).toBe(3);
});

test('once the profile is ready, a newer snapshot is asked for, and an older one that comes late is dropped', async () => {
  listen();
  const first = askedOnce('snapshot');
  await tell('connectionChanged', connection('connecting'));
  await tell('stageChanged', { name: 'ready', me });
  const second = askedOnce('snapshot');
  expect(useApp().stage.name).toBe('opening');
  // What was told before it was asked for is in it.
  await second.answer(snapshot({ stage: { name: 'ready', me }, connection: connection('online') }));
  await first.answer(snapshot());
  await settled();
  expect(useApp()).toMatchObject({ stage: { name: 'ready' }, connection: { state: 'online' } });
});

test('a snapshot that is refused is told of', async () => {
  listen();
  await askedOnce('snapshot').refuse({ code: 'internal', message: 'It did not work.' });
  expect([...useApp().notices.values()]).toEqual([{ code: 'internal', message: 'It did not work.' }]);
});
