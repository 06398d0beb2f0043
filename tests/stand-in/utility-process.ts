// utilityProcess: a real Node.js process, in which utility-child.ts gives the module its process.parentPort.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type * as Electron from 'electron';
import { app } from './application.ts';
import { pack } from './clone.ts';
import { records } from './records.ts';
import { checkOptions, Emitter, guard, guardClass, type Mirror } from './guard.ts';

type Mode = 'pipe' | 'ignore' | 'inherit';

class UtilityProcess extends Emitter {
  pid: number | undefined;
  stdout: NodeJS.ReadableStream | null;
  stderr: NodeJS.ReadableStream | null;
  readonly #child: ChildProcess;

  constructor(module: string, args: string[], options: Electron.ForkOptions) {
    super('UtilityProcess', ['spawn', 'exit', 'message', 'error']);
    checkOptions('utilityProcess.fork', options, ['env', 'execArgv', 'cwd', 'stdio', 'serviceName']);
    // "pipe: equivalent to ['ignore', 'pipe', 'pipe']; [...] inherit: [...] (the default)"
    const { stdio = 'inherit', env = process.env, execArgv = [], cwd } = options;
    const modes = (Array.isArray(stdio) ? stdio : ['ignore', stdio, stdio]) as Mode[];
    this.#child = fork(join(import.meta.dirname, 'utility-child.ts'), [module, ...args], {
      ...{ env: env as NodeJS.ProcessEnv, execArgv, serialization: 'advanced' },
      ...(cwd && { cwd }),
      stdio: ['ignore', modes[1] ?? 'inherit', modes[2] ?? 'inherit', 'ipc'],
    });
    this.stdout = this.#child.stdout;
    this.stderr = this.#child.stderr;
    this.#child.once('spawn', () => {
      this.pid = this.#child.pid;
      records.utilities.push(this.pid!);
      this.emit('spawn');
    });
    this.#child.on('message', (message) => this.emit('message', message));
    // "When the child process exits, then the value is `undefined` after the `exit` event is emitted." What was not
    // read of its output by then is lost.
    this.#child.once('exit', (code, signal) => {
      this.emit('exit', code ?? (signal === 'SIGTERM' ? 15 : 9));
      records.utilities = records.utilities.filter((pid) => pid !== this.pid);
      this.pid = undefined;
      this.stdout?.removeAllListeners();
      this.stderr?.removeAllListeners();
      this.stdout = this.stderr = null;
    });
  }

  postMessage(message: unknown): void {
    pack(message); // throws for what can't be cloned
    if (this.#child.connected) this.#child.send(message as object);
  }

  kill(): boolean {
    return this.#child.kill();
  }
}
guardClass('UtilityProcess', UtilityProcess satisfies Mirror<UtilityProcess, Electron.UtilityProcess>);

export const utilityProcess = guard('utilityProcess', {
  fork(module: string, args: string[] = [], options: Electron.ForkOptions = {}): UtilityProcess {
    // "utilityProcess.fork can only be called after the `ready` event has been emitted on `App`."
    if (!app.isReady()) throw new Error('utilityProcess cannot be created before app is ready.');
    return new UtilityProcess(module, args, options);
  },
});
