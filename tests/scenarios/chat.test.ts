// Two people, one relay: what everybody expects of a messenger.
import { expect, test } from 'vitest';
import { arrive, openRelay, until } from '../harness.ts';

test('a message arrives once, and its state goes up to read', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await bob.startConversation('alice');
  const received: string[] = [];
  bob.on('message', ({ from, text }) => received.push(`${from}: ${text}`));
  const states: string[] = [];
  alice.on('messageChanged', (_contact, { state }) => states.push(state));

  const { id } = await alice.send('bob', 'Grüße 👋🏽\nund Küsse');
  await until(() => states.includes('delivered'));
  bob.markRead('alice');
  await until(() => states.includes('read'));

  expect(received).toEqual(['alice: Grüße 👋🏽\nund Küsse']);
  expect(states).toEqual(['pending', 'sent', 'delivered', 'read']);
  const [stored] = await bob.history('alice', 10);
  expect(stored).toMatchObject({ id, mine: false, text: 'Grüße 👋🏽\nund Küsse', state: 'read' });
});
