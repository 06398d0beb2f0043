// Runs every example as a student does: each must end well, and show what its first line promises.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import keytar from 'keytar';
import { expect, test } from 'vitest';
import { afterwards, temporaryFolder, until } from '../harness.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'examples');
/** The key lines of each one's output, in their order. */
const students: Record<string, string[]> = {
  'make-keys.ts': [
    'of one key have 384 bytes together',
    'a modulus of 3072 bits, and an SPKI of 422 bytes',
    'Rebuilt from its primes, the key is the same.',
    'the identity key may only: sign\n',
    'the encryption key may only: decrypt\n',
    'they can be taken out again: false',
    'the identity key was refused, as it should be.',
  ],
  'seal-and-open.ts': [
    'in an envelope of 875 bytes',
    'header     107 bytes',
    'blocks     1 x 384 bytes',
    'signature  384 bytes',
    'Her words are nowhere in these bytes.',
    'Bob verified it',
    "Bob opened it: { kind: 'text', text: 'Hello Bob! 👋\\nTea at four?' }",
    'A flipped bit was refused.',
  ],
  'pinning.ts': [
    'The invite: signet://join?v=1&relay=127.0.0.1%3A',
    'the relay has the key that the invite names.',
    'A client with another key in its invite refused: relay-key-differs.',
  ],
  'safety-number.ts': [
    "first hash of alice's half: 361247a649e29280",
    "on alice's screen  67105 58943 02815 92577 80378 68334 86900 50817 76031 23963 62324 82793\n",
    "on bob's screen    67105 58943 02815 92577 80378 68334 86900 50817 76031 23963 62324 82793\n",
    'If mallory had given each of them her own key:',
  ],
  'sign-and-verify.ts': [
    'as alice signed it: valid',
    "said to be bob's key: not valid",
    'a millisecond longer: not valid',
    'taken as a login: valid',
    'taken as a registration: not valid',
    'taken as her encryption key: not valid',
  ],
  'textbook-rsa.ts': [
    'd = 2753, because e * d = 46801 = 15 * 3120 + 1',
    '65^17 mod 3233 = 2790',
    '2790^2753 mod 3233 = 65',
    'found the message: 65.',
    'verify as a signature of 6.',
  ],
  'two-users.ts': [
    'The relay listens on port',
    'bob reads from alice: Good morning, Bob! ☀️',
    'alice sees: pending, sent, delivered, read',
    'alice reads from bob: Good morning, Alice! 🥐',
    'bob sees: pending, sent, delivered, read',
    'both have left, and nothing is left behind.',
  ],
};

/** An example that runs, with a folder of its own for what it leaves behind. */
class Example {
  readonly #temporary = temporaryFolder();
  readonly #child: ChildProcess;
  readonly #end: Promise<number | null>;
  output = '';
  errors = '';
  ended = false;

  constructor(name: string, environment: Record<string, string> = {}) {
    const temporary = { TMPDIR: this.#temporary, TEMP: this.#temporary, TMP: this.#temporary };
    const env = { ...process.env, ...temporary, ...environment };
    this.#child = spawn(process.execPath, [join(folder, name)], { env });
    this.#child.stdout!.setEncoding('utf8').on('data', (data: string) => (this.output += data));
    this.#child.stderr!.setEncoding('utf8').on('data', (data: string) => (this.errors += data));
    this.#end = new Promise((resolve) => this.#child.once('close', resolve));
    void this.#end.then(() => (this.ended = true));
    afterwards(() => this.#child.kill('SIGKILL'));
  }

  async says(words: string): Promise<void> {
    await until(() => this.output.includes(words) || this.ended);
    expect(this.output, `before it ended: ${this.errors}`).toContain(words);
  }

  /** The name of a person's keychain item. The database is locked, its files are not. */
  keychainAccount(person: string): string {
    const [own = ''] = readdirSync(this.#temporary);
    const copy = temporaryFolder();
    cpSync(join(this.#temporary, own, person), copy, { recursive: true });
    const database = new DatabaseSync(join(copy, 'signet.sqlite'));
    try {
      return String(database.prepare('SELECT profile FROM account').get()!['profile']);
    } finally {
      database.close();
    }
  }

  /** Waits for its end: with this code, nothing on standard error, nothing left in its folder. */
  async ends(code: number): Promise<string> {
    const result = { code: await this.#end, errors: this.errors, left: readdirSync(this.#temporary) };
    expect(result).toEqual({ code, errors: '', left: [] });
    return this.output;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

function expectInOrder(output: string, lines: string[]): void {
  let after = 0;
  for (const line of lines) {
    const at = output.indexOf(line, after);
    expect(at, `"${line}" after ${JSON.stringify(output.slice(0, after))}`).toBeGreaterThanOrEqual(0);
    after = at + line.length;
  }
}

const inKeychain = (account: string): Promise<string | null> => keytar.getPassword('Signet', account);

test('there is a test for each example', () => {
  // What sample-files.ts writes is checked by tests/docs/how-it-works.test.ts.
  const demonstrations = ['demo.ts', 'sample-files.ts', 'what-the-relay-sees.ts', 'what-the-relay-stored.ts'];
  expect(readdirSync(folder).sort()).toEqual([...Object.keys(students), ...demonstrations].sort());
});

test.each(Object.entries(students))('%s is short, and shows what it promises', async (name, lines) => {
  const source = readFileSync(join(folder, name), 'utf8');
  expect(source.trimEnd().split('\n').length).toBeLessThan(60);
  expectInOrder(await new Example(name).ends(0), lines);
});

test('a demonstration shows a chat, what the relay stored of it, and leaves nothing behind', async () => {
  const demo = new Example('what-the-relay-sees.ts');
  await demo.says('bob to alice');
  const accounts = ['alice', 'bob'].map((person) => demo.keychainAccount(person));
  for (const account of accounts) expect(await inKeychain(account)).toMatch(/^[A-Za-z0-9+/]{1024}$/);
  const output = await demo.ends(0);
  for (const account of accounts) expect(await inKeychain(account)).toBeNull();
  expectInOrder(output, [
    'alice to bob:  Hi Bob! Our own relay is running. 🎉\n',
    'pending, sent, delivered, read\n',
    'bob to alice:  Hello Alice 👋 And nobody in between can read this?\n',
    'pending, sent, delivered, read\n',
    'alice to bob:  Nobody. All it ever sees are sealed envelopes. 💌\n',
    'pending, sent, delivered, read\n',
    'alice to bob:  For Saturday 🧺\n                 - two baguettes 🥖\n',
    'pending, sent\n',
    'What the relay stored of it',
    'received      ',
    'envelope      875 bytes',
    'version     1\n',
    'suite       1 ',
    'from        ',
    '(alice), device 1\n',
    'to          ',
    '(bob), device 1\n',
    'sealed to   ',
    'blocks      1\n',
    'ciphertext  ',
    'signature   ',
    'Bob is back',
    'pending, sent, delivered, read\n',
    'bob to alice:  ',
    'pending, sent, delivered, read\n',
    'alice to bob:  ',
    'pending, sent, delivered, read\n',
    'what the relay had of it',
    'Envelopes in its mailboxes: 0.',
    'found 0 of 6 texts.',
  ]);
  // Without a terminal there are no colours.
  expect(output).not.toContain('\u001b');
  // The signature and the ciphertext of the envelope that waited are those of its writer's own copy.
  const [ciphertext] = /(?<=ciphertext {2})(?:[0-9a-f]{2} ){16}/.exec(output)!;
  expect(output.split(ciphertext)).toHaveLength(3);
});

test.skipIf(process.platform === 'win32').each([
  ['SIGINT', 'pending, sent'],
  ['SIGTERM', 'Bob closes his laptop'],
  ['SIGINT', 'starts again'],
] as const)('that demonstration, ended by %s after "%s", leaves nothing behind', async (signal, moment) => {
  const demo = new Example('what-the-relay-sees.ts');
  await demo.says('bob to alice');
  const accounts = ['alice', 'bob'].map((person) => demo.keychainAccount(person));
  await demo.says(moment);
  demo.kill(signal);
  expect(await demo.ends(130)).not.toContain('found 0 of');
  for (const account of accounts) expect(await inKeychain(account)).toBeNull();
});

test.skipIf(process.platform === 'win32')('that demonstration can be ended while it makes keys', async () => {
  const demo = new Example('what-the-relay-sees.ts');
  await demo.says('make their keys');
  demo.kill('SIGINT');
  await demo.ends(130);
});

test.runIf(process.platform === 'linux')('that demonstration says so when there is no keychain', async () => {
  const demo = new Example('what-the-relay-sees.ts', { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' });
  await demo.says('make their keys');
  await until(() => demo.ended);
  expect(demo.errors).toMatch(
    /^Your keys are kept in the system's keychain, which can't be used now\. .*\n$/,
  );
  demo.errors = '';
  await demo.ends(1);
});
