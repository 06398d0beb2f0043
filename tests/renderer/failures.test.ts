// What blocks the whole window is explained, with steps that can be taken on this platform.
import { expect, test } from 'vitest';
import { failureCodes } from '../../protocol/failure-codes.ts';
import { type FailureCode, localFailures } from '../../protocol/failures.ts';
import { explain, fieldOf } from '../../renderer/failures.ts';

const platforms = ['linux', 'darwin', 'win32'];
const codes: FailureCode[] = [...(Object.keys(failureCodes) as FailureCode[]), ...localFailures];
/** What opening a profile can fail with, besides what nobody expects (see Messenger.open). */
const blocking: FailureCode[] = [
  ...codes.filter((code) => /^(keychain|folder|database)-/.test(code)),
  'disk-full',
  'clock-wrong',
];

const nothingKnown = explain('internal', 'linux');

test('the list holds what it has to', () => {
  expect(blocking).toHaveLength(14);
});

test.each(blocking)('%s is explained on each platform', (code) => {
  for (const platform of platforms) {
    const { headline, why, steps } = explain(code, platform);
    expect(headline).not.toBe(nothingKnown.headline);
    expect(headline).not.toMatch(/\.$/);
    expect(why).toMatch(/\.$/);
    expect(steps.length).toBeGreaterThan(0);
    for (const step of steps) expect(step).toMatch(/\S.*\S$/);
  }
});

test('each code is explained in its own words', () => {
  const headlines = blocking.map((code) => explain(code, 'linux').headline);
  expect(new Set(headlines).size).toBe(headlines.length);
});

test('steps are those of the platform: no other is named', () => {
  const words = {
    linux: /Debian|D-Bus|gnome|KDE/,
    darwin: /macOS|Keychain Access/,
    win32: /Windows|VaultSvc/,
  };
  for (const code of blocking) {
    for (const platform of platforms) {
      const steps = explain(code, platform).steps.join(' ');
      for (const [other, naming] of Object.entries(words)) {
        if (other !== platform) expect(steps, `${code} on ${platform}`).not.toMatch(naming);
      }
    }
  }
  expect(explain('keychain-unavailable', 'linux').steps.join(' ')).toContain('apt install libsecret-1-0');
  expect(explain('keychain-locked', 'darwin').steps.join(' ')).toContain('Keychain Access');
  expect(explain('keychain-failed', 'win32').steps.join(' ')).toContain('Credential Manager');
});

test('what nobody expects, and a platform that nobody knows, leave nobody without a word', () => {
  for (const code of codes) {
    const { headline, why, steps } = explain(code, 'plan9');
    expect([headline, why, ...steps].every((text) => text.length > 10)).toBe(true);
    expect(steps.length).toBeGreaterThan(0);
  }
  expect(nothingKnown).toMatchObject({ headline: "Signet can't start" });
});

test('a failure to join stands by the field that it belongs to', () => {
  const by = (field: string): FailureCode[] => codes.filter((code) => fieldOf(code) === field);
  expect(by('name').sort()).toEqual(['identity-taken', 'name-invalid', 'name-taken']);
  expect(by('invite').sort()).toEqual([
    'busy',
    'invite-invalid',
    'not-a-relay',
    'registration-closed',
    'relay-key-differs',
    'relay-unreachable',
    'timeout',
    'token-refused',
    'version-unsupported',
  ]);
  expect(by('form')).toEqual(expect.arrayContaining(['clock-wrong', 'keychain-locked', 'internal']));
});
