// What a new profile lacks: named where nobody can be asked, asked for where somebody sits at a terminal.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { completeJoining, givenJoining } from '../../cli/joining.ts';
import { Lines } from '../../cli/lines.ts';
import { encodeInvite } from '../../protocol/links.ts';
import { temporaryFolder } from '../harness.ts';

const INVITE = encodeInvite({ relays: ['chat.example.org:7443'], relayKey: Buffer.alloc(32, 7) });

/** Answers all questions with these lines, then the input ends. @returns what was printed, too */
async function answered(
  answers: string[],
  given: { name?: string; invite?: string } = {},
): Promise<{ joining: unknown; output: string }> {
  const [input, output] = [new PassThrough(), new PassThrough().setEncoding('utf8')];
  let text = '';
  output.on('data', (chunk: string) => (text += chunk));
  const lines = new Lines(input, output, false);
  input.end(answers.map((answer) => `${answer}\n`).join(''));
  const joining = await completeJoining(given, {}, lines);
  lines.close();
  return { joining, output: text };
}

test('the invite comes from an option, a file or the environment, in this order', async () => {
  const file = join(temporaryFolder(), 'invite.txt');
  writeFileSync(file, `${INVITE}\n`);
  expect(givenJoining({ name: 'bob', inviteFile: file })).toEqual({ name: 'bob', invite: `${INVITE}\n` });
  expect(givenJoining({ name: 'bob', invite: INVITE })).toEqual({ name: 'bob', invite: INVITE });
  const environment = { SIGNET_INVITE: INVITE };
  expect(await completeJoining({ name: 'bob' }, environment, undefined)).toEqual({
    name: 'bob',
    invite: INVITE,
  });
  expect(await completeJoining({ name: 'bob', invite: 'mine' }, environment, undefined)).toEqual({
    name: 'bob',
    invite: 'mine',
  });
});

test('a file that cannot be read is named, with the reason', () => {
  const inviteFile = join(temporaryFolder(), 'missing.txt');
  expect(() => givenJoining({ inviteFile })).toThrow(
    `The invite's file ${inviteFile} cannot be read (ENOENT).`,
  );
});

test('where nobody can be asked, the options that are missing are named', async () => {
  const link = 'the invite (--invite LINK, --invite-file FILE, or SIGNET_INVITE)';
  await expect(completeJoining({}, {}, undefined)).rejects.toThrow(
    `This profile is new. Add --name NAME and ${link}.`,
  );
  await expect(completeJoining({ name: 'bob' }, { SIGNET_INVITE: '' }, undefined)).rejects.toThrow(
    `This profile is new. Add ${link}.`,
  );
  await expect(completeJoining({ invite: INVITE }, {}, undefined)).rejects.toThrow(
    'This profile is new. Add --name NAME.',
  );
});

test('each question is asked until its answer will do', async () => {
  const { joining, output } = await answered(['', 'signet://join?v=1', INVITE, 'two words', ' ', ' @Bob ']);
  expect(joining).toEqual({ name: 'bob', invite: INVITE });
  expect(output).toContain('This profile is new. It joins a relay with an invite');
  expect(output.match(/This is not a usable invite/g)).toHaveLength(1);
  expect(output.match(/A name has 2 to 32/g)).toHaveLength(1);
});

test('what is given is not asked for; the end of input ends the asking', async () => {
  expect((await answered(['bob'], { invite: INVITE })).joining).toEqual({ name: 'bob', invite: INVITE });
  expect((await answered([INVITE], { name: 'bob' })).joining).toEqual({ name: 'bob', invite: INVITE });
  expect((await answered([])).joining).toBeUndefined();
  expect((await answered([INVITE])).joining).toBeUndefined();
});
