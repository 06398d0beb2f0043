// A keyring for the console client where no desktop has one, as over SSH: GNOME's, in a D-Bus session of its own, unlocked
// with a password that is asked for at the terminal. The session lasts as long as somebody uses it: the first client
// starts it, and it ends with the last. The password goes through pipes alone: no command line, no environment.
// Plain JavaScript for Node.js 20.11 and later. Run by itself, it is what keeps the session.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

const PASSWORD_FILE = 'SIGNET_KEYRING_PASSWORD_FILE';
const TRIES = 3;
/** Of the keeper of the session: where it gets the password, and where it says in one line what came of it. */
const [PASSWORD_FD, OUTCOME_FD] = [3, 4];
const [OPEN, WRONG_PASSWORD] = ['open', 'wrong password'];
/** Unlocking takes milliseconds; a service that is just starting is asked again. */
const [ASKED_AGAIN, LOCK_TRIES, PAUSE_MS] = [50, 100, 100];
/** A session that nobody joins after it was opened ends. */
const UNUSED_MS = 30_000;

const isSet = (name) => Boolean(process.env[name]);
const hasDisplay = isSet('DISPLAY') || isSet('WAYLAND_DISPLAY');
const dataHome = process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share');
const keyringFile = join(dataHome, 'keyrings', 'login.keyring');
const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'signet');
/** Says where the bus of the session is; a session lasts while anybody is connected here. All clients share one: two
 * keyring services on one file would each overwrite what the other has saved. */
const sessionSocket = join(cacheFolder, 'keyring-session');
const lockFolder = join(cacheFolder, 'keyring-lock');

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

/** Joins the session that an earlier client has opened. @returns undefined if there is none, or its keyring is locked */
async function joinSession() {
  const socket = connect(sessionSocket).setEncoding('utf8');
  // Nobody listens; or the session is just ending.
  const [answer] = await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => []);
  const address = typeof answer === 'string' ? answer.trim() : undefined;
  if (address !== undefined && isLocked('collection/login', address) === false) {
    socket.on('error', () => {});
    return { address, leave: () => socket.destroy() };
  }
  socket.destroy();
  return undefined;
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
    ask 'Repeat the password: '
    if [ "$answer" = "$chosen" ]; then break; fi
    echo "The passwords don't match." >&2
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

function askForPassword(isFirst) {
  const file = process.env[PASSWORD_FILE];
  if (file) return passwordFrom(file);
  if (!process.stdin.isTTY) {
    fail(
      'Your keys are kept in a keyring, which is locked, and there is no terminal on which to ask for the password.',
      `Write the password into a file that only you can read, and name the file in ${PASSWORD_FILE}.`,
    );
  }
  if (existsSync(keyringFile)) {
    if (isFirst) console.error(`Your keys are kept in a keyring, ${keyringFile}, which is locked.`);
    return askAtTerminal(ENTER);
  }
  console.error('Signet keeps your keys in a keyring, and there is none here yet.');
  return askAtTerminal(CHOOSE);
}

/** Has a session made and its keyring opened, by a process that lives on when this one ends.
 * @returns its one line: OPEN, WRONG_PASSWORD, or why it could not be done */
function startSession(password) {
  const step = [process.execPath, import.meta.filename];
  const [program, ...args] = hasBus() ? step : ['dbus-run-session', '--', ...step];
  // What the services of the session write to standard output and error belongs to nobody.
  const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'];
  const keeper = spawn(program, args, { stdio, detached: true });
  const [, , , input, outcome] = keeper.stdio;
  return new Promise((resolve) => {
    let said = '';
    const end = (line) => {
      resolve(line || 'The session for the keyring could not be started. Try again.');
      keeper.unref();
      input.destroy();
      outcome.destroy();
    };
    input.on('error', () => {}).end(password);
    outcome.setEncoding('utf8').on('data', (text) => {
      said += text;
      if (said.endsWith('\n')) end(said.trim());
    });
    keeper.on('close', () => end(said.trim()));
    keeper.on('error', (error) => end(`${program} could not be started: ${error.message}`));
  });
}

/** Runs a program where keytar finds an open keyring; asks for its password if it has to.
 * @param run runs the program with more variables in its environment @returns the exit code */
export async function withKeyring(run) {
  // A desktop asks for the password itself; and an open keyring is used as it is.
  if (process.platform !== 'linux' || hasDisplay || isLocked('aliases/default') === false) return run({});
  const session = (await joinSession()) ?? (await openSession());
  const code = await run({ DBUS_SESSION_BUS_ADDRESS: session.address });
  session.leave();
  return code;
}

async function openSession() {
  for (let tries = 0; tries < TRIES; tries++) {
    const password = askForPassword(tries === 0);
    // Somebody may have been quicker while this user was typing.
    const outcome = (await joinSession()) ?? (await startSession(password));
    if (typeof outcome !== 'string') return outcome;
    const session = outcome === OPEN ? await joinSession() : undefined;
    if (session) return session;
    if (outcome !== WRONG_PASSWORD)
      return fail(outcome === OPEN ? 'The keyring was locked again. Try again.' : outcome);
    console.error('That is not the password of the keyring.');
    if (isSet(PASSWORD_FILE)) return process.exit(1);
  }
  return fail(
    'That was the last try. Start again. If the password is lost, see "The keychain" in docs/TROUBLESHOOTING.md.',
  );
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** Two that start at the same moment must not both unlock the file. What a program has left that was killed while it held
 * the lock, is taken over after a while. */
async function lockKeyring() {
  mkdirSync(cacheFolder, { recursive: true, mode: 0o700 });
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

/** Within the session. @returns whether its keyring is open: unlocked, or created */
async function openKeyring() {
  const input = readFileSync(PASSWORD_FD);
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
  const locked = isLocked('collection/login');
  if (locked === undefined) throw new Error('GNOME Keyring was started, but does not answer. Try again.');
  return !locked;
}

/** Tells all who come where the bus is, until the last has left. */
async function serveSession() {
  // What a session has left that was killed.
  rmSync(sessionSocket, { force: true });
  let users = 0;
  const server = createServer((socket) => {
    users++;
    clearTimeout(unused);
    socket.on('error', () => {}).on('close', () => --users === 0 && process.exit(0));
    socket.resume().write(`${process.env.DBUS_SESSION_BUS_ADDRESS ?? ''}\n`);
  });
  const unused = setTimeout(() => process.exit(0), UNUSED_MS);
  // Removed before whoever comes next can make another.
  process.on('exit', () => rmSync(sessionSocket, { force: true }));
  process.on('SIGTERM', () => process.exit(0));
  await once(server.listen(sessionSocket), 'listening');
}

async function keepSession() {
  await lockKeyring();
  try {
    const other = await joinSession();
    if (!other && !(await openKeyring())) return WRONG_PASSWORD;
    // Left when this process ends, and by then whoever has asked for a session has joined it.
    if (other) setTimeout(other.leave, UNUSED_MS);
    else await serveSession();
    return OPEN;
  } finally {
    unlockKeyring();
  }
}

if (process.argv[1] === import.meta.filename) {
  const outcome = await keepSession().catch((error) => error.message);
  writeSync(OUTCOME_FD, `${outcome}\n`);
  if (outcome !== OPEN) process.exit(1);
}
