// node tests/stand-in/run.ts MAIN [arguments]: an app in a window of Chromium, on machines without Electron's binary.
import { startApp } from './start.ts';

const [main, ...args] = process.argv.slice(2);
if (!main) throw new Error('Which app? node tests/stand-in/run.ts MAIN [arguments]');
const headless = process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY;
if (headless) console.error('There is no display: the app runs, but nothing is shown.');
const { child, exited } = startApp(main, args, { headless }, { stdio: 'inherit' });
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.on(signal, () => child.kill(signal));
process.exit((await exited) ?? 1);
