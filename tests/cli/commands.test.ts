// The console client's JSON commands: what is understood, and what is answered to the rest.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Command, parseCommand } from '../../cli/commands.ts';
import { Failure } from '../../protocol/failures.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9._-]{1,31}$/);
const text = fc.string({ unit: 'binary' });
const identity = fc.stringMatching(/^[0-9a-f]{64}$/);
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record(
    { do: fc.constant('send' as const), to: name, text, ref: fc.oneof(fc.string(), fc.integer()) },
    { requiredKeys: ['do', 'to', 'text'] },
  ),
  fc.record({ do: fc.constantFrom('read' as const, 'verify' as const), with: name }),
  fc.record({ do: fc.constant('history' as const), with: name, limit: fc.integer({ min: 1, max: 10_000 }) }),
  fc.record({ do: fc.constantFrom('contacts' as const, 'quit' as const, 'invite' as const) }),
  fc.record({ do: fc.constantFrom('accept' as const, 'refuse' as const), with: name, identity }),
  fc.record({
    do: fc.constantFrom('acceptRequest', 'decline', 'block', 'unblock', 'acceptDevices'),
    with: name,
    ref: fc.integer(),
  }),
  fc.record({ do: fc.constant('continueHere' as const), ref: fc.string() }),
);

/** Objects that look almost like commands. */
const nearly = fc
  .dictionary(
    fc.constantFrom('do', 'to', 'text', 'with', 'limit', 'ref', '__proto__', 'more'),
    fc.oneof(
      fc.constantFrom('send', 'read', 'verify', 'block', 'contacts', 'quit', 'toString', 'alice'),
      fc.jsonValue(),
    ),
  )
  .map((object) => JSON.stringify(object));

function refusal(line: string): Failure {
  try {
    parseCommand(line);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error(`It was understood: ${line}`);
}

test('every command is understood as it was meant', () => {
  fc.assert(
    fc.property(command, (meant) => {
      expect(parseCommand(JSON.stringify(meant))).toEqual(meant);
    }),
  );
});

test('history without a limit gives the last 50', () => {
  expect(parseCommand('{"do":"history","with":"bob"}')).toEqual({ do: 'history', with: 'bob', limit: 50 });
});

test('no line throws anything but a Failure of code command-invalid, with a sentence', () => {
  const deep = fc.integer({ min: 1, max: 200_000 }).map((depth) => '['.repeat(depth));
  const line = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), nearly, deep);
  fc.assert(
    fc.property(line, (given) => {
      try {
        expect(parseCommand(given)).toHaveProperty('do');
      } catch (error) {
        expect(error).toBeInstanceOf(Failure);
        expect(error).toMatchObject({
          code: 'command-invalid',
          message: expect.stringMatching(/\.$/) as string,
        });
      }
    }),
    { numRuns: 1000 },
  );
});

describe('a refusal says what is wrong', () => {
  test.each([
    ['hello', /not JSON.*"do":"send"/],
    ['', /not JSON/],
    ['[]', /"do":"send"/],
    ['null', /"do":"send"/],
    ['{"do":"dance"}', /^do: .*"do":"send"/],
    ['{"do":"send","to":"Bob!","text":"x"}', /^to: A name has 2 to 32 characters/],
    ['{"do":"send","to":"bob"}', /^text: /],
    ['{"do":"send","to":"bob","text":5}', /^text: /],
    ['{"do":"send","to":"bob","text":"x","ref":{}}', /^ref: /],
    ['{"do":"send","to":"bob","text":"x","reff":1}', /reff/],
    ['{"do":"read"}', /^with: /],
    ['{"do":"verify","with":""}', /^with: A name has/],
    ['{"do":"accept","with":"bob"}', /^identity: /],
    ['{"do":"accept","with":"bob","identity":"0f"}', /^identity: The identity is 64 hexadecimal digits/],
    ['{"do":"acceptRequest"}', /^with: /],
    ['{"do":"decline","with":"Bob!"}', /^with: A name has/],
    ['{"do":"block","with":"bob","for":"ever"}', /for/],
    ['{"do":"continueHere","with":"bob"}', /with/],
    ['{"do":"history","with":"bob","limit":0}', /^limit: /],
    ['{"do":"history","with":"bob","limit":10001}', /^limit: /],
    ['{"do":"history","with":"bob","limit":1.5}', /^limit: /],
    ['{"do":"quit","now":true}', /now/],
  ])('%s', (line, sentence) => {
    expect(refusal(line)).toMatchObject({
      code: 'command-invalid',
      message: expect.stringMatching(sentence) as string,
    });
  });

  test('a line may have a megabyte, and no more', () => {
    const line = (length: number): string => {
      const frame = JSON.stringify({ do: 'send', to: 'bob', text: '' });
      return JSON.stringify({ do: 'send', to: 'bob', text: 'x'.repeat(length - frame.length) });
    };
    expect(parseCommand(line(1024 * 1024))).toMatchObject({ do: 'send', to: 'bob' });
    expect(refusal(line(1024 * 1024 + 1)).message).toMatch(/over 1048576 characters/);
  });
});
