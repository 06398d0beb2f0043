// Failures in words: what blocks the whole window, with the steps that help on this platform.
import type { FailureCode } from '../protocol/failures.ts';

export type Explanation = { headline: string; why: string; steps: string[] };

type Platform = 'linux' | 'darwin' | 'win32';

const KEYS = 'Your private keys are kept in the keychain of this computer, and nowhere else.';

/** steps by platform, or the same for all */
const explanations: Partial<
  Record<
    FailureCode,
    { headline: string; why: string; steps: string[] | Partial<Record<Platform, string[]>> }
  >
> = {
  'keychain-unavailable': {
    headline: "Signet can't reach a keychain",
    why: `${KEYS} The library that leads to it is missing or failed.`,
    steps: {
      linux: ['Install libsecret. On Debian and Ubuntu: sudo apt install libsecret-1-0', 'Then retry.'],
    },
  },
  'keychain-no-service': {
    headline: 'No keychain is running',
    why: `${KEYS} On this computer, no program offers one at the moment.`,
    steps: {
      linux: [
        'Install one, unless there is one: sudo apt install gnome-keyring on Debian and Ubuntu; KWallet on KDE; or KeePassXC, with its secret service switched on.',
        'Start it, or log out and in again.',
        'Then retry.',
      ],
    },
  },
  'keychain-no-bus': {
    headline: 'There is no session to keep keys in',
    why: `${KEYS} It is reached over the D-Bus session of a desktop, and there is none.`,
    steps: {
      linux: [
        'Log in to a desktop session and start Signet there.',
        'Without a desktop: start it under dbus-run-session, with gnome-keyring installed.',
      ],
    },
  },
  'keychain-locked': {
    headline: 'Your keychain is locked',
    why: `${KEYS} It has to be unlocked before Signet can open your messages.`,
    steps: {
      linux: [
        'Unlock it: open "Passwords and Keys" (or KWallet Manager, or KeePassXC) and enter its password.',
        'Then retry.',
      ],
      darwin: [
        'Open Keychain Access, choose the login keychain, and unlock it with your password.',
        'Then retry.',
      ],
    },
  },
  'keychain-failed': {
    headline: "The keychain can't be used now",
    why: `${KEYS} It has refused what Signet asked for.`,
    steps: {
      linux: ['Make sure that your keyring is running and unlocked.', 'Then retry.'],
      darwin: ['Allow Signet to use the login keychain when macOS asks.', 'Then retry.'],
      win32: ['Open Services, and start "Credential Manager" (VaultSvc) if it is stopped.', 'Then retry.'],
    },
  },
  'keychain-item-missing': {
    headline: 'Your keys are gone from the keychain',
    why: 'The keychain works, but what Signet kept in it for this profile was removed. Without these keys nobody can open your messages: not Signet either. They are still on this disk, sealed.',
    steps: [
      'Restore the keychain from a backup, if there is one. Then retry.',
      'Otherwise start anew: quit Signet and begin with another profile folder, under another name.',
    ],
  },
  'keychain-item-damaged': {
    headline: 'Your keys in the keychain were changed',
    why: 'What the keychain holds for this profile is not what Signet put there. It was changed, or belongs to another profile.',
    steps: ['Restore the keychain from a backup. Then retry.'],
  },
  'key-check-failed': {
    headline: 'The new keys failed their check',
    why: 'Signet tries new keys once before anybody depends on them, and these did not work. They were not kept.',
    steps: ['Retry: other keys are made.'],
  },
  'folder-in-use': {
    headline: 'This profile is open already',
    why: 'Another Signet, or the console client, is using the same profile folder. Two at once would get in each other’s way.',
    steps: ['Use that one, or close it. Then retry.'],
  },
  'folder-unusable': {
    headline: "The profile folder can't be used",
    why: 'Signet cannot read or write the folder that your profile is kept in.',
    steps: ['Check that the folder exists and belongs to you.', 'Then retry.'],
  },
  'database-damaged': {
    headline: 'The stored messages are damaged',
    why: 'The file that your messages are kept in cannot be read. Nothing was changed in it.',
    steps: ['Put a backup of the file in its place, or move the file away.', 'Then retry.'],
  },
  'database-newer': {
    headline: 'This profile needs a newer Signet',
    why: 'A newer version has written it. This one might damage what it does not know.',
    steps: ['Update Signet, then start it again.'],
  },
  'database-older': {
    headline: 'This profile is from a development version',
    why: "A version of Signet that was never released has written it, and this one can't read it.",
    steps: ['Quit Signet, and begin with another profile folder.'],
  },
  'disk-full': {
    headline: 'The disk is full',
    why: 'Signet cannot write to the folder that your profile is kept in: the disk is full or failing.',
    steps: ['Make some room on the disk.', 'Then retry.'],
  },
  'clock-wrong': {
    headline: "This computer's clock is behind",
    why: 'By this clock, the newest key of this profile was made in the future. Signet makes and destroys keys by the clock, so it has to be right.',
    steps: ['Set the date, the time and the time zone right.', 'Then retry.'],
  },
};

/** What to show when nothing else can be shown. @param platform as Node.js names it */
export function explain(code: FailureCode, platform: string): Explanation {
  const { headline, why, steps } = explanations[code] ?? {
    headline: "Signet can't start",
    why: 'Something went wrong inside. Your messages and keys are still where they were.',
    steps: ['Retry. If that does not help, restart the computer.'],
  };
  const own = Array.isArray(steps) ? steps : steps[platform as Platform];
  return { headline, why, steps: own ?? ['Make sure that your keychain works.', 'Then retry.'] };
}

/** The field of the first-start form that a failure to join belongs to. */
export function fieldOf(code: FailureCode): 'name' | 'invite' | 'form' {
  if (['name-invalid', 'name-taken', 'identity-taken'].includes(code)) return 'name';
  const ofInvite: FailureCode[] = [
    'invite-invalid',
    'registration-closed',
    'token-refused',
    'relay-unreachable',
    'relay-key-differs',
    'not-a-relay',
    'version-unsupported',
    'busy',
    'timeout',
  ];
  return ofInvite.includes(code) ? 'invite' : 'form';
}
