// Calls over the bridge with whatever a broken or hostile page could send: each is answered as the contract says,
// and none is a rejected promise, an unexpected failure, or the end of the app.
import { expect, test } from 'vitest';
import { type CallName, calls } from '../../preload/contract.ts';
import { failureCodes } from '../../protocol/failure-codes.ts';
import { localFailures } from '../../protocol/failures.ts';
import { type AppDriver, joinAs, meet, openApp, openRelayProcess } from './driver.ts';
import { asPage } from './page-script.ts';
import { spawnChat } from '../processes.ts';
import { temporaryFolder } from '../harness.ts';

const names = Object.keys(calls) as CallName[];
const codes: string[] = [...Object.keys(failureCodes), ...localFailures].filter(
  (code) => code !== 'internal',
);

/** Expressions of the page. */
const anything = [
  ...[
    'null',
    '0',
    '-1',
    '1.5',
    'NaN',
    'Infinity',
    '10n',
    'true',
    `''`,
    `'bob'`,
    '[]',
    `['bob']`,
    '[{}]',
    '{}',
  ],
  ...['new Date()', 'new Map()', 'new Uint8Array(9)', '/x/', 'new Error("x")', `'x'.repeat(1100000)`],
  ...['{ extra: 1 }', `JSON.parse('{"__proto__": {"contact": "bob", "to": "bob", "name": "bob"}}')`],
  ...[`{ constructor: { prototype: { polluted: 1 } } }`, '(() => { const o = {}; o.self = o; return o; })()'],
  ...['(() => { const o = []; o.push(o); return o; })()', `{ contact: { toString: null } }`, `{ text: 'x' }`],
];
/** Values for one property after the other of an input that is right otherwise. */
const parts = [
  ...['undefined', 'null', '-1', '1.5', 'NaN', '2 ** 53', '1e300', '10n', 'true', '[]', `['bob']`, '{}'],
  ...[
    `'../../etc/passwd'`,
    `'Bob'`,
    `'b'`,
    `'bob\\u0000'`,
    `'__proto__'`,
    `'x'.repeat(2000000)`,
    'new Date()',
  ],
];
const right: Partial<Record<CallName, Record<string, string>>> = {
  checkInvite: { invite: `'signet://join'` },
  join: { name: `'No Name'`, invite: `'signet://join'` },
  startConversation: { name: `'No Name'` },
  messages: { contact: `'bob'`, from: '0', count: '12' },
  sendMessage: { to: `'alice'`, text: `'to oneself'` },
  retryMessage: { contact: `'bob'`, id: `'${'0'.repeat(32)}'` },
  markRead: { contact: `'bob'`, upTo: '1' },
  draft: { contact: `'bob'` },
  saveDraft: { contact: `'bob'`, text: `''` },
  showing: { contact: 'null' },
  messageDetails: { contact: `'bob'`, position: '1' },
  contactDetails: { contact: `'nobody'` },
  markCompared: { contact: `'bob'`, fingerprint: `'00'` },
  acceptIdentity: { contact: `'bob'`, fingerprint: `'00'` },
  changeSettings: { keepRunning: 'true', notifications: 'true' },
  acceptInvite: { invite: `'signet://join'` },
  // Right in its form alone: what would be right altogether, opens a dialog.
  saveImage: { name: `'../code'`, png: 'new Uint8Array(9)' },
  copyText: { text: `'copied'` },
  openLink: { url: `'file:///etc/passwd'` },
};
/** Wrong by type for every call that takes something, so never accepted. */
const neverRight = new Set(anything.slice(0, 20).filter((one) => one !== '{}'));

type Answer = { input: string; ok?: boolean; code?: string; message?: string; rejected?: string };

function inputsFor(name: CallName): string[] {
  const fields = Object.entries(right[name] ?? {});
  const object = (all: string[][]): string =>
    `{ ${all.map(([key, value]) => `${key}: ${value}`).join(', ')} }`;
  return [
    ...anything,
    ...fields.flatMap(([key]) =>
      parts.map((part) => object(fields.map(([k, v]) => [k, k === key ? part : v]))),
    ),
    ...fields.map(([key]) => object(fields.filter(([k]) => k !== key))),
  ];
}

async function callWrongly(driver: AppDriver, name: CallName): Promise<Answer[]> {
  return asPage<Answer[]>(
    driver,
    `const inputs = { ${inputsFor(name)
      .map((input, i) => `${i}: () => (${input})`)
      .join(',\n')} };
    return Promise.all(Object.values(inputs).map(async (make) => {
      const input = String(make);
      try {
        const { ok, failure } = await bridge.calls.${name}(make());
        return { input, ok, code: failure?.code, message: failure?.message };
      } catch (error) {
        return { input, rejected: String(error) };
      }
    }));`,
  );
}

/** All calls with all wrong inputs. */
async function assertAnswered(driver: AppDriver): Promise<void> {
  for (const name of names) {
    const inputs = inputsFor(name);
    const answers = await callWrongly(driver, name);
    expect(answers.length).toBe(inputs.length);
    for (const [i, { ok, code, message, rejected, input }] of answers.entries()) {
      const what = `${name}(${input.slice(0, 120)})`;
      expect(rejected, what).toBeUndefined();
      // A change of no setting may come as any object.
      const isObject = name === 'changeSettings' && /^\(*(new|\/)/.test(inputs[i]!);
      if (neverRight.has(inputs[i]!) && !isObject) expect(ok, what).toBe(false);
      if (ok) continue;
      expect(codes, `${what}: ${code}`).toContain(code);
      // A sentence for a person; no stack, no path, no object.
      expect(message, what).toMatch(/^[A-Z0-9].{8,}[.?!]$/s);
      expect(message, what).not.toMatch(/ at |node:|file:|\/tmp|\[object/);
    }
  }
  expect(await driver.page.evaluate('[({}).polluted, ({}).contact]')).toEqual([undefined, undefined]);
  const { windows, dialogs } = await driver.recorded();
  expect([windows.length, dialogs]).toEqual([1, []]);
  expect(driver.log()).not.toMatch(/failed: |nobody expected/);
  expect(await driver.page.evaluate('bridge.calls.snapshot().then(({ ok }) => ok)')).toBe(true);
}

test('whatever a call is given, it is answered; before joining and after it', async () => {
  const relay = await openRelayProcess();
  const bob = spawnChat(temporaryFolder(), 'bob', relay.invite);
  await bob.wait(({ event }) => event === 'ready');
  const driver = await openApp();
  await driver.page.getByLabel('Your name').waitFor();
  await assertAnswered(driver);
  expect(await driver.page.evaluate('bridge.calls.draft({ contact: "bob" })')).toMatchObject({
    failure: { code: 'profile-new' },
  });
  await joinAs(driver, 'alice', relay.invite);
  await meet(driver, 'bob');
  await assertAnswered(driver);
  // Nothing of it was kept, and what is right still works.
  const snapshot = await driver.page.evaluate('bridge.calls.snapshot()');
  expect(snapshot).toMatchObject({
    value: { stage: { name: 'ready' }, conversations: [{ contact: 'bob' }] },
  });
  expect(await driver.page.evaluate(`bridge.calls.sendMessage({ to: 'bob', text: 'fine' })`)).toEqual({
    ok: true,
    value: undefined,
  });
  await bob.wait(({ event, text }) => event === 'message' && text === 'fine');
});

test('only the page itself may call', async () => {
  const driver = await openApp();
  await driver.page.getByLabel('Your name').waitFor();
  const frames = [
    { url: 'https://elsewhere.invalid/', inside: true },
    { url: 'app://signet/index.html', inside: true },
    { url: 'app://signet/index.html', inside: false },
    { url: 'app://signet.elsewhere.invalid/', inside: false },
    { url: 'app://signet@elsewhere.invalid/', inside: false },
    { url: 'about:blank', inside: true },
    { url: 'about:srcdoc', inside: true },
    { url: 'blob:app://signet/1', inside: true },
    { url: 'file:///index.html', inside: false },
  ];
  for (const frame of frames) {
    for (const name of names) {
      const answer = await driver.invokeFrom(frame, name, []);
      expect(answer, `${name} from ${frame.url}`).toEqual({
        ok: false,
        failure: { code: 'command-invalid', message: 'Only the window of Signet itself may ask for this.' },
      });
    }
  }
  // It was not asked to quit, either.
  expect(await driver.page.evaluate('bridge.calls.snapshot().then(({ ok }) => ok)')).toBe(true);
});
