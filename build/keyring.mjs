// A keyring for the console client where no desktop has one, as over SSH: GNOME's, in a D-Bus session, unlocked with a
// password that is asked for at the terminal. The password goes through pipes alone: no command line, no environment.
// Plain JavaScript for Node.js 20.11 and later. Run by itself, it is what runs within the session.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const PASSWORD_FILE = 'SIGNET_KEYRING_PASSWORD_FILE';
const TRIES = 3;
/** What the inner program exits with when the password doesn't open the keyring. */
const WRONG_PASSWORD = 77;
/** Of the inner program. What the services of the session write to standard output and error belongs to nobody. */
const [PASSWORD_FD, OUTPUT_FD, ERROR_FD] = [3, 4, 5];
/** Unlocking takes milliseconds; a service that is just starting is asked again. */
const [ASKED_AGAIN, LOCK_TRIES, PAUSE_MS] = [50, 100, 100];

const isSet = (name) => Boolean(process.env[name]);
const hasDisplay = isSet('DISPLAY') || isSet('WAYLAND_DISPLAY');
const dataHome = process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share');
const keyringFile = join(dataHome, 'keyrings', 'login.keyring');
/** Where the bus of the session is that this program has made last: whoever comes while it lives shares its keyring. Two
 * keyring services on one file would each overwrite what the other has saved. */
const addressFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'signet');
const addressFile = join(addressFolder, 'keyring-session');
const lockFolder = join(addressFolder, 'keyring-lock');

/** https://specifications.freedesktop.org/secret-service: whether a collection is locked.
 * @param collection "aliases/default" or "collection/login" @param address of the bus
 * @returns undefined if there is no bus, no service or no such collection */
function isLocked(collection, address) {
  const question = [
    'org.freedesktop.DBus.Properties.Get',
    'string:org.freedesktop.Secret.Collection',
    'string:Locked',
  ];
  const { status, stdout } = spawnSync(
    'dbus-send',
    [
      address ? `--bus=${address}` : '--session',
      ...[
        '--print-reply=literal',
        '--dest=org.freedesktop.secrets',
        `/org/freedesktop/secrets/${collection}`,
      ],
      ...question,
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 },
  );
  return status === 0 ? stdout.includes('true') : undefined;
}

function askBus(...question) {
  const options = ['--session', '--print-reply=literal', '--dest=org.freedesktop.DBus', '/'];
  return spawnSync('dbus-send', [...options, ...question], { encoding: 'utf8', timeout: 10_000 });
}

const hasBus = () => askBus('org.freedesktop.DBus.GetId').status === 0;

/** Whether a secret service runs; asking the service itself would start one. */
const hasService = () =>
  askBus('org.freedesktop.DBus.NameHasOwner', 'string:org.freedesktop.secrets').stdout.includes('true');

/** The bus that an earlier program of this user has made, if its keyring is open. */
function sharedAddress() {
  if (!existsSync(addressFile)) return undefined;
  const address = readFileSync(addressFile, 'utf8').trim();
  return isLocked('collection/login', address) === false ? address : undefined;
}

/** Echo is off from before the first question until the end: read -s asks first, and would show what comes at once. */
const WITHOUT_ECHO = `
  saved=$(stty -g); trap 'stty "$saved"' EXIT; stty -echo
  ask() { printf '%s' "$1" >&2; IFS= read -r answer || exit 1; echo >&2; }`;
const ENTER = 'ask "Password of your keyring: "; printf %s "$answer"';
const CHOOSE = `
  while :; do
    ask 'Choose a password for it: '; chosen=$answer
    if [ -z "$chosen" ]; then echo 'An empty password protects nothing.' >&2; continue; fi
    ask 'The same again: '
    if [ "$answer" = "$chosen" ]; then break; fi
    echo 'These two differ.' >&2
  done
  printf %s "$chosen"`;

/** bash reads one character at a time: what is typed behind the password stays for the client. */
function askAtTerminal(questions) {
  const { status, stdout } = spawnSync('bash', ['-c', `${WITHOUT_ECHO}\n${questions}`], {
    stdio: ['inherit', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status === 0) return stdout;
  console.error();
  return process.exit(1);
}

function fail(...lines) {
  console.error(lines.join('\n'));
  return process.exit(1);
}

function passwordFrom(file) {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)[0];
  } catch (error) {
    return fail(`The file of ${PASSWORD_FILE}, ${file}, cannot be read (${error.code}).`);
  }
}

function askForPassword() {
  const file = process.env[PASSWORD_FILE];
  if (file) return passwordFrom(file);
  if (!process.stdin.isTTY) {
    fail(
      'Your keys are kept in a keyring, which is locked, and there is no terminal to ask for its password at.',
      `Write the password into a file that only you can read, and name the file in ${PASSWORD_FILE}.`,
    );
  }
  if (existsSync(keyringFile)) return askAtTerminal(ENTER);
  console.error('Signet keeps your keys in a keyring, and there is none here yet.');
  return askAtTerminal(CHOOSE);
}

/** Runs a program where keytar finds an open keyring; asks for its password if it has to.
 * @param step a program with its arguments @param run how to run one: (step, environment, stdio, secret); the secret is
 * the input of descriptor 3
 * @returns the exit code */
export async function withKeyring(step, run) {
  // A desktop asks for the password itself; and an open keyring is used as it is.
  if (process.platform !== 'linux' || hasDisplay || isLocked('aliases/default') === false)
    return run(step, {});
  const shared = (address) => run(step, { DBUS_SESSION_BUS_ADDRESS: address });
  const before = sharedAddress();
  if (before) return shared(before);
  for (let left = TRIES; left > 0; left--) {
    const typed = askForPassword();
    // Somebody may have been quicker while this user was typing.
    const meanwhile = sharedAddress();
    if (meanwhile) return shared(meanwhile);
    const inner = [process.execPath, import.meta.filename, ...step];
    const stdio = ['inherit', 'ignore', 'ignore', 'pipe', 1, 2];
    const code = await run(hasBus() ? inner : ['dbus-run-session', '--', ...inner], {}, stdio, typed);
    if (code !== WRONG_PASSWORD) return code;
    console.error('That is not the password of the keyring.');
    if (isSet(PASSWORD_FILE)) break;
  }
  return 1;
}

function failInside(sentence) {
  writeSync(ERROR_FD, `${sentence}\n`);
  return process.exit(1);
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** Two that start at the same moment must not both unlock the file. What a program has left that was killed while it held
 * the lock, is taken over after a while. */
async function lockKeyring() {
  mkdirSync(addressFolder, { recursive: true, mode: 0o700 });
  for (let left = LOCK_TRIES; left > 0; left--) {
    try {
      mkdirSync(lockFolder);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    await pause();
  }
}

const unlockKeyring = () => rmSync(lockFolder, { recursive: true, force: true });

/** @returns the address of the bus with the open keyring */
async function openKeyring() {
  const input = readFileSync(PASSWORD_FD);
  const there = sharedAddress();
  if (there) return there;
  // Instead of a service that waits for somebody at a desktop to unlock it.
  const options = ['--replace', '--unlock', '--components=secrets'];
  const { status } = spawnSync('gnome-keyring-daemon', options, {
    input,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  if (status !== 0)
    throw new Error('GNOME Keyring could not be started. Is the package gnome-keyring installed?');
  // Asked too early, the bus would start a second one.
  for (let left = ASKED_AGAIN; left > 0 && !hasService(); left--) await pause();
  const after = isLocked('collection/login');
  if (after === undefined) throw new Error('GNOME Keyring was started, but does not answer. Try again.');
  if (after) return undefined;
  const own = process.env.DBUS_SESSION_BUS_ADDRESS ?? '';
  writeFileSync(addressFile, own, { mode: 0o600 });
  return own;
}

/** Within the session: unlocks the keyring, or creates it, then runs the program. */
async function runInside([program, ...args]) {
  await lockKeyring();
  const address = await openKeyring().finally(unlockKeyring);
  if (address === undefined) process.exit(WRONG_PASSWORD);
  const own = process.env.DBUS_SESSION_BUS_ADDRESS;
  const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: address };
  const child = spawn(program, args, { stdio: ['inherit', OUTPUT_FD, ERROR_FD], env });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // The terminal sends this one to the program itself.
  process.on('SIGINT', () => {});
  child.on('error', (error) => failInside(`${program} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    const isOwn = existsSync(addressFile) && readFileSync(addressFile, 'utf8') === own;
    if (isOwn) rmSync(addressFile, { force: true });
    process.exit(signal ? 1 : code);
  });
}

if (process.argv[1] === import.meta.filename) {
  await runInside(process.argv.slice(2)).catch((error) => failInside(error.message));
}
