// A thousand messages each way between real processes, with the relay and both clients killed on the way: all arrive
// once and in order. After that, neither a text nor a private key is found on any disk.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Program, spawnChat, spawnRelay } from '../processes.ts';
import { temporaryFolder } from '../harness.ts';
import { privateTraces, textTraces } from '../traces.ts';

const COUNT = 1000;
const MARKERS = 100;

/** The i-th text of one person: most are short; there are markers, all sorts of scripts, many lines, 32 KiB. */
function makeTexts(person: string): { texts: string[]; markers: string[] } {
  const markers = Array.from({ length: MARKERS }, () => `marker-${randomBytes(16).toString('hex')}`);
  const texts = Array.from({ length: COUNT }, (_, i) => {
    const start = `${person} ${i}`;
    if (i % 10 === 3) return `${start} ${markers[Math.floor(i / 10)]}`;
    if (i % 10 === 5) return `${start} Grüße 東京 مرحبا 👩🏽‍🚀🏳️‍🌈 e\u0301 \u202eabc\u202c`;
    if (i % 10 === 7) return `${start}\nsecond line\r\n\tthird line\n\n`;
    if (i % 200 === 11) return start.padEnd(32 * 1024, 'é').slice(0, 16 * 1024) + 'x';
    if (i % 200 === 111) return start.padEnd(32 * 1024, 'z');
    return start;
  });
  return { texts, markers };
}

/** One person with a console client that may be killed, and who goes on writing where it stopped. */
class Person {
  readonly texts: string[];
  readonly markers: string[];
  readonly profile = temporaryFolder();
  readonly receivedIds: string[] = [];
  readonly #name: string;
  readonly #other: string;
  readonly #invite: string;
  readonly #log: string;
  client!: Program;
  #written = 0;

  constructor(name: string, other: string, invite: string, log: string) {
    ({ texts: this.texts, markers: this.markers } = makeTexts(name));
    this.#name = name;
    this.#other = other;
    this.#invite = invite;
    this.#log = log;
  }

  async start(): Promise<void> {
    this.client = spawnChat(this.profile, this.#name, this.#invite, { log: this.#log });
    this.client.on((event) => {
      if (event.event === 'message') this.receivedIds.push(String(event['id']));
    });
    await this.client.wait(({ event }) => event === 'ready');
    await this.client.wait(({ event, state }) => event === 'connection' && state === 'online');
  }

  /** Writes the next texts, up to the given one, and waits until all of them are in the outbox. */
  async write(upTo: number): Promise<void> {
    const refs: number[] = [];
    for (; this.#written < upTo; this.#written++) {
      refs.push(this.#written);
      this.client.tell({ do: 'send', to: this.#other, text: this.texts[this.#written], ref: this.#written });
    }
    await Promise.all(
      refs.map((ref) => this.client.wait((event) => event.event === 'queued' && event['ref'] === ref)),
    );
  }

  /** kill -9 in the middle of writing, then a new start. What was not stored is written again. */
  async killWhileWriting(upTo: number): Promise<void> {
    const first = this.#written;
    for (let i = first; i < upTo; i++) {
      this.client.tell({ do: 'send', to: this.#other, text: this.texts[i], ref: i });
    }
    await this.client.wait((event) => event.event === 'queued' && event['ref'] === first + 5);
    await this.client.kill();
    await this.start();
    const stored = new Set((await this.history()).map(({ text }) => text));
    this.#written = this.texts.findIndex((text) => !stored.has(text));
    expect(this.#written).toBeGreaterThan(first + 5);
    await this.write(upTo);
  }

  async history(): Promise<{ id: string; from: string; text: string; state: string; kind?: string }[]> {
    const command = { do: 'history', with: this.#other, limit: 10_000 };
    const answer = await this.client.ask(command, ({ event }) => event === 'history');
    return answer['messages'] as { id: string; from: string; text: string; state: string; kind?: string }[];
  }

  /** Waits for the other's last text. It comes after all others: what would be out of order shows in the history. */
  async receiveAll(from: Person): Promise<void> {
    const last = from.texts.at(-1);
    await this.client.wait(({ event, text }) => event === 'message' && text === last);
  }

  /** Reads everything, and waits until the other has read everything, too. */
  async readAll(): Promise<void> {
    this.client.tell({ do: 'read', with: this.#other });
    // The whole history costs seconds of work: it is asked for once it is likely to be right.
    const { id } = (await this.history()).findLast(({ from }) => from === this.#name)!;
    await this.client.wait(
      ({ event, ...more }) => event === 'state' && more['id'] === id && more['state'] === 'read',
    );
    while (!(await this.history()).every(({ from, state }) => from !== this.#name || state === 'read'))
      await delay(1000);
  }
}

test('a thousand messages each way, through kill -9 of everybody', async () => {
  const data = temporaryFolder();
  const logs = temporaryFolder();
  let relay = spawnRelay(data, 0, { log: join(logs, 'relay.log') });
  const listening = await relay.wait(({ event }) => event === 'listening');
  const [port, invite] = [Number(listening['port']), String(listening['invite'])];
  const killRelay = async (): Promise<void> => {
    await relay.kill();
    relay = spawnRelay(data, port, { log: join(logs, 'relay.log') });
    await relay.wait(({ event }) => event === 'listening');
  };
  const alice = new Person('alice', 'bob', invite, join(logs, 'alice.log'));
  const bob = new Person('bob', 'alice', invite, join(logs, 'bob.log'));
  await Promise.all([alice.start(), bob.start()]);

  await Promise.all([alice.write(200), bob.write(200)]);
  // In the middle of the stream: some of these are on their way while the relay dies.
  await Promise.all([alice.write(350), bob.write(350), killRelay()]);
  await Promise.all([alice.killWhileWriting(550), bob.write(550)]);
  await Promise.all([alice.write(750), bob.killWhileWriting(750)]);
  await Promise.all([alice.write(COUNT), bob.write(COUNT), killRelay()]);

  await Promise.all([alice.receiveAll(bob), bob.receiveAll(alice)]);
  await Promise.all([alice.readAll(), bob.readAll()]);

  for (const [reader, writer, name] of [
    [alice, bob, 'bob'],
    [bob, alice, 'alice'],
  ] as const) {
    const history = await reader.history();
    expect(history.filter(({ from }) => from === name).map(({ text }) => text)).toEqual(writer.texts);
    expect(history.filter(({ kind }) => kind !== undefined)).toEqual([]);
    expect(new Set(reader.receivedIds).size).toBe(reader.receivedIds.length);
    // A kill between storing and printing may cost an event, never a message.
    expect(reader.receivedIds.length).toBeGreaterThan(COUNT - 20);
  }

  // While everything runs, with the write-ahead logs in place; and after all have closed.
  const folders = [data, logs, alice.profile, bob.profile];
  const texts = [...alice.markers, ...bob.markers];
  expect(texts).toHaveLength(200);
  const inUse = textTraces(folders, texts);
  await Promise.all([alice.client.kill('SIGTERM'), bob.client.kill('SIGTERM')]);
  expect(await relay.kill('SIGTERM')).toBe(0);
  expect([...inUse, ...textTraces(folders, texts)]).toEqual([]);
  expect(await privateTraces(folders, [alice.profile, bob.profile])).toEqual([]);
  // The search itself finds what is there: names are no secret to the relay.
  expect(textTraces([data], ['alice'])).not.toEqual([]);
  expect(
    readdirSync(logs)
      .map((name) => readFileSync(join(logs, name), 'utf8'))
      .join(''),
  ).toContain('registered');
});
