// A relay, alice and bob in one process, and a short chat from start to end.
// Plain JavaScript for Node.js 20.11 and later.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { withKeyring } from './keyring.mjs';
import {
  ensureDebianPackages,
  ensureNpmPackages,
  findNode,
  isDebian,
  keyringPackages,
  keytarPackages,
  root,
  windowPackages,
} from './setup.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);
const node = () => findNode(name === 'build');

const buildStep = () => [node(), 'build/build.mjs'];

/** A desktop session has a keychain of its own; elsewhere one is made for as long as the command runs. */
const hasSession = process.platform !== 'linux' || Boolean(process.env.DBUS_SESSION_BUS_ADDRESS);
const isDesktop = hasSession && Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);

/** Where Electron was not fetched yet, nobody knows whether it can be. On Debian the packages for a window bring the
 * libraries that Electron needs, too: better to ask for all at once. */
const isElectronThere = existsSync(join(root, 'node_modules', 'electron', 'dist'));
const mayNeedWindow = isDebian && !isElectronThere;

/** needs: Debian packages; slim: needs no npm packages for development; keyring: runs beside a
 * keyring of its own that is thrown away; unlocked: needs the user's own keyring; steps: one after the other until one
 * fails, or together: all of them, side by side. */
const commands = {
  start: {
    needs: [...(hasSession ? keytarPackages : keyringPackages), ...(mayNeedWindow ? windowPackages : [])],
    keyring: !hasSession,
    steps: (args) => [buildStep(), [node(), 'build/launch.mjs', ...args]],
  },
  demo: {
    needs: [...windowPackages, ...keyringPackages],
    keyring: true,
    steps: (args) => [buildStep(), [node(), 'examples/demo.ts', ...args]],
  },
  relay: { needs: [], slim: true, steps: (args) => [[node(), 'relay/index.ts', ...args]] },
  chat: {
    needs: isDesktop ? keytarPackages : keyringPackages,
    slim: true,
    unlocked: true,
    steps: (args) => [[node(), 'cli/index.ts', ...args]],
  },
  example: { needs: [], slim: true, steps: (args) => [[node(), exampleFile(args[0]), ...args.slice(1)]] },
  bench: {
    needs: [...windowPackages, ...keyringPackages],
    keyring: true,
    steps: (args) => [buildStep(), [node(), 'bench/index.ts', ...args]],
  },
  check: {
    needs: [],
    together: true,
    steps: () => [
      [node(), bin('vue-tsc'), '--noEmit'],
      [node(), bin('vue-tsc'), '--noEmit', '--project', 'renderer'],
      [node(), bin('vue-tsc'), '--noEmit', '--project', 'tests/renderer'],
      [node(), bin('eslint'), '.', '--max-warnings', '0'],
      [node(), bin('prettier'), '--check', '--log-level', 'warn', '.'],
      [node(), 'build/lock.mjs'],
    ],
  },
  test: {
    needs: [...windowPackages, ...keyringPackages, 'openssl', 'binutils', 'zsh', 'fish'],
    keyring: true,
    steps: (args) => [[node(), 'build/test.mjs', ...args]],
  },
  build: { needs: [], steps: () => [buildStep()] },
  dist: { needs: [], steps: (args) => [buildStep(), [node(), 'build/dist.mjs', ...args]] },
  'dist:relay': { needs: ['binutils'], steps: (args) => [[node(), 'build/dist-relay.mjs', ...args]] },
  'dist:check': { needs: [], steps: () => [buildStep(), [node(), 'build/dist.mjs', '--check']] },
};

/** The file of an example; ends with the list of them if there is no such one. */
function exampleFile(name) {
  const others = ['demo'];
  const examples = readdirSync(join(root, 'examples'))
    .map((file) => file.replace(/\.ts$/, ''))
    .filter((example) => !others.includes(example));
  if (examples.includes(name)) return `examples/${name}.ts`;
  console.error(`Which example? npm run example NAME, and NAME is one of:\n\n  ${examples.join('\n  ')}\n`);
  return process.exit(1);
}

function execute([program, ...args], environment) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit', env: environment });
    child.on('error', (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(signal ? 1 : code));
    // The child gets the terminal's signals by itself; those meant for this process alone are passed on.
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    process.on('SIGINT', () => {});
  });
}

/** A secret service in a D-Bus session of its own, unlocked, with a home folder that is thrown away after. */
function inKeyring(step, home) {
  const script =
    'printf "keyring" | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec "$@"';
  return {
    step: ['dbus-run-session', '--', 'bash', '-c', script, 'bash', ...step],
    environment: {
      HOME: home,
      XDG_RUNTIME_DIR: home,
      XDG_DATA_HOME: join(home, 'data'),
      SIGNET_PASSING_KEYRING: '1',
    },
  };
}

const [name, ...args] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  console.error(`There is no command "${name}". There are: ${Object.keys(commands).join(', ')}.`);
  process.exit(1);
}
// Before npm's long work: whoever has to ask an administrator hears of it at once.
ensureDebianPackages(command.needs);
ensureNpmPackages(!command.slim);

const ownKeyring = command.keyring && process.platform === 'linux' && existsSync('/usr/bin/dbus-run-session');
const home = ownKeyring ? mkdtempSync(join(tmpdir(), 'signet-keyring-')) : undefined;
// Compiled code is kept beside what it was compiled from: a relay starts in half the time.
const compiled = { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled') };
const path = [bin(''), process.env.PATH].join(delimiter);
const surroundings = { ...process.env, ...compiled, PATH: path };
const isOnlyAsking = args.includes('--help') || args.includes('--version');
const perform = (step) => {
  if (command.unlocked && !isOnlyAsking) {
    return withKeyring((more) => execute(step, { ...surroundings, ...more }));
  }
  const wrapped = home ? inKeyring(step, home) : { step, environment: {} };
  return execute(wrapped.step, { ...surroundings, ...wrapped.environment });
};
let code = 0;
if (command.together) {
  const codes = await Promise.all(command.steps(args).map(perform));
  code = codes.find((one) => one !== 0) ?? 0;
} else {
  for (const step of command.steps(args)) {
    code = await perform(step);
    if (code !== 0) break;
  }
}
if (home) rmSync(home, { recursive: true, force: true });
process.exit(code);
