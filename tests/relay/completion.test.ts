// Completions: real shells offer what the program has, and every example in the help is one that it takes.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../harness.ts';
import { call, done, run } from './program.ts';

const COMMANDS = 'serve invite users remove-user export backup restore check completion'.split(' ');

/** What a shell offers behind a line that ends with the cursor. */
type Offer = (line: string) => string[];

async function inFolder(shell: string): Promise<{ folder: string; script: string }> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'a-folder'));
  writeFileSync(join(folder, 'a-file'), '');
  const script = join(folder, '.script');
  writeFileSync(script, await done('completion', shell));
  return { folder, script };
}

const shells: Record<string, (folder: string, script: string) => Offer> = {
  bash: (folder, script) => (line) => {
    const words = line.split(' ');
    const code = `source ${script}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
      $(complete -p signet-relay | sed 's/.*-F \\([^ ]*\\).*/\\1/'); printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', code], { cwd: folder, encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout.split('\n').filter(Boolean);
  },
  fish: (folder, script) => (line) => {
    const code = `source ${script}; complete --do-complete '${line}'`;
    const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', code], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, HOME: folder },
    });
    expect(stderr).toBe('');
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((offer) => offer.split('\t')[0]!.replace(/\/$/, ''));
  },
};

describe.each(Object.keys(shells))('%s', (shell) => {
  test('offers commands, their options, and the values of these', async (context) => {
    if (spawnSync(shell, ['--version']).status !== 0) context.skip(`${shell} is not installed`);
    const { folder, script } = await inFolder(shell);
    const offer = shells[shell]!(folder, script);
    expect(
      offer('signet-relay ')
        .filter((word) => !word.startsWith('-'))
        .sort(),
    ).toEqual([...COMMANDS].sort());
    expect(offer('signet-relay re')).toEqual(expect.arrayContaining(['remove-user', 'restore']));
    expect(offer('signet-relay backup --')).toEqual(
      expect.arrayContaining(['--data', '--force', '--config', '--help']),
    );
    expect(offer('signet-relay backup --')).not.toContain('--port');
    expect(offer('signet-relay --')).toEqual(expect.arrayContaining(['--port', '--report']));
    expect(offer('signet-relay serve --log-level ')).toEqual(
      ['silent', 'error', 'warn', 'info', 'debug'].sort(shell === 'fish' ? undefined : () => 0),
    );
    expect(offer('signet-relay users --data a-')).toEqual(['a-folder']);
    expect(offer('signet-relay restore a-f').sort()).toEqual(['a-file', 'a-folder']);
    expect(
      offer('signet-relay completion ')
        .filter((word) => !word.startsWith('-'))
        .sort(),
    ).toEqual(['bash', 'fish', 'zsh']);
  });
});

test('zsh takes the script, and finds its function in it', async (context) => {
  if (spawnSync('zsh', ['--version']).status !== 0) context.skip('zsh is not installed');
  const { script } = await inFolder('zsh');
  const code = `autoload -U compinit; compinit -u -D; source ${script}; print $_comps[signet-relay]; whence -w _signet_relay`;
  const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', code], { encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: '_signet_relay\n_signet_relay: function\n', stderr: '' });
});

test('every help has examples, and the program takes each of them', async () => {
  for (const name of COMMANDS) {
    const { out } = await call(name, '--help').catch(() => ({ out: '' }));
    const help = out || (await run([name, '--help']).ended).out;
    const lines = help.split('\nExamples:\n')[1]!.split('\n\n')[0]!.split('\n');
    expect(lines.length, name).toBeGreaterThan(0);
    for (const line of lines) {
      const words = /signet-relay[^|)]*/.exec(line)![0].trim().split(' ').slice(1);
      // With --help, commander checks the words before it shows the help of the command.
      const { code, error } = await run([...words, '--help']).ended;
      expect({ line, code, error }).toEqual({ line, code: 0, error: '' });
      const known = COMMANDS.includes(words[0]!) ? words[0] : 'serve';
      expect(known).toBe(name);
    }
  }
});

test('an unknown command is called unknown', async () => {
  expect(await run(['backp', 'file']).ended).toMatchObject({
    code: 1,
    out: '',
    error: "error: unknown command 'backp'\n(signet-relay --help lists the commands and options.)\n",
  });
});
