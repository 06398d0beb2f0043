// The OS keychain, through keytar: where the identity and storage keys live. Nothing falls back to a file.
import type keytar from 'keytar';
import { Failure, type FailureCode } from '../../protocol/failures.ts';

export type Keychain = {
  /** @returns what was saved; undefined if there is no such item, or if a Linux keyring is locked, which answers
   * every question with "nothing there": assertUnlocked() tells the two apart
   * @throws Failure `keychain-...` */
  load(account: string): Promise<string | undefined>;
  /** Writes a passing item, which a locked keychain doesn't take. @throws Failure `keychain-...` */
  assertUnlocked(): Promise<void>;
  /** Saves, reads back and compares. @throws Failure `keychain-...` */
  save(account: string, secret: string): Promise<void>;
};

type Keytar = Pick<typeof keytar, 'getPassword' | 'setPassword' | 'deletePassword'>;

const SERVICE = 'Signet';

/** What to do about it, on each platform. */
const steps: Record<string, Partial<Record<FailureCode, string>>> = {
  linux: {
    'keychain-unavailable':
      'Install libsecret (Debian, Ubuntu: apt install libsecret-1-0) and start Signet again.',
    'keychain-no-bus':
      'There is no D-Bus session. Log in to a desktop. On a server, "npm run chat" starts a session with a keyring.',
    'keychain-no-service':
      'No secret service runs. Install and start one (Debian, Ubuntu: apt install gnome-keyring; KDE: ' +
      'KWallet; or KeePassXC with its secret service switched on), then start Signet again.',
    'keychain-locked':
      'The keyring is locked. Unlock it (with "Passwords and Keys", for example), then try again.',
  },
  darwin: {
    'keychain-failed': 'Allow Signet to use the login keychain when macOS asks, then try again.',
    'keychain-locked': 'The login keychain is locked. Unlock it in Keychain Access, then try again.',
  },
  win32: {
    'keychain-failed': 'Start the Windows service "Credential Manager" (VaultSvc), then try again.',
  },
};

function keychainFailure(code: FailureCode, cause?: unknown): Failure {
  const advice = steps[process.platform]?.[code] ?? 'Make sure that your keychain works, then try again.';
  return new Failure(
    code,
    `Your keys are kept in the system's keychain, which can't be used now. ${advice}`,
    {
      cause,
    },
  );
}

/** Texts as libsecret, GLib and D-Bus word them. */
function classify(error: unknown): Failure {
  const text = String(error);
  if (/locked/i.test(text)) return keychainFailure('keychain-locked', error);
  if (/org\.freedesktop\.secrets|does not exist at path|not activatable/i.test(text)) {
    return keychainFailure('keychain-no-service', error);
  }
  if (/D-Bus|dbus|Could not connect|Connection refused|No such file/i.test(text)) {
    return keychainFailure('keychain-no-bus', error);
  }
  return keychainFailure('keychain-failed', error);
}

async function loadKeytar(): Promise<Keytar> {
  try {
    // Loaded late: it needs libsecret on Linux, and its absence has to become a sentence.
    return (await import('keytar')).default;
  } catch (error) {
    throw keychainFailure('keychain-unavailable', error);
  }
}

async function asking<T>(question: (keytar: Keytar) => Promise<T>): Promise<T> {
  const keytar = await loadKeytar();
  try {
    return await question(keytar);
  } catch (error) {
    throw error instanceof Failure ? error : classify(error);
  }
}

export const systemKeychain: Keychain = {
  load: (account) => asking(async (keytar) => (await keytar.getPassword(SERVICE, account)) ?? undefined),
  assertUnlocked: () =>
    asking(async (keytar) => {
      const probe = `probe-${process.pid}`;
      await keytar.setPassword(SERVICE, probe, 'Signet checks that the keychain is unlocked.');
      await keytar.deletePassword(SERVICE, probe);
    }),
  save: (account, secret) =>
    asking(async (keytar) => {
      await keytar.setPassword(SERVICE, account, secret);
      if ((await keytar.getPassword(SERVICE, account)) !== secret)
        throw keychainFailure('keychain-unavailable');
    }),
};

/** Removes an item: for uninstalling a profile, and for demonstrations that leave nothing behind. */
export const forget = (account: string): Promise<boolean> =>
  asking((keytar) => keytar.deletePassword(SERVICE, account));
