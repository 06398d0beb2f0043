// The single-instance lock: a database of its own in userData, locked by the kernel as long as the process lives.
import {
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { deserialize, serialize } from 'node:v8';

export type SecondInstance = { argv: string[]; workingDirectory: string; additionalData: unknown };

/** @param greet called for each further instance */
export class InstanceLock {
  readonly #lock: DatabaseSync;
  readonly #watcher: FSWatcher;

  private constructor(lock: DatabaseSync, watcher: FSWatcher) {
    this.#lock = lock;
    this.#watcher = watcher;
  }

  /** @returns undefined where another process has it; that one has then got the message */
  static take(
    userData: string,
    message: SecondInstance,
    greet: (second: SecondInstance) => void,
  ): InstanceLock | undefined {
    const letters = join(userData, 'SecondInstances');
    mkdirSync(letters, { recursive: true });
    const lock = new DatabaseSync(join(userData, 'SingletonLock'), { timeout: 0 });
    try {
      lock.exec('BEGIN EXCLUSIVE');
    } catch {
      lock.close();
      const draft = join(userData, `second-instance-${process.pid}`);
      writeFileSync(draft, serialize(message));
      renameSync(draft, join(letters, String(process.pid)));
      return undefined;
    }
    const read = (): void => {
      for (const name of readdirSync(letters)) {
        const second = deserialize(readFileSync(join(letters, name))) as SecondInstance;
        rmSync(join(letters, name));
        greet(second);
      }
    };
    for (const name of readdirSync(letters)) rmSync(join(letters, name)); // meant for an earlier one
    return new InstanceLock(lock, watch(letters, read).unref());
  }

  release(): void {
    this.#watcher.close();
    this.#lock.close();
  }
}
