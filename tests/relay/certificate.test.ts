// The key that invites are tied to: made once, kept safe, never replaced by mistake.
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { generate } from 'selfsigned';
import { expect, test } from 'vitest';
import { givenCertificate, ownCertificate } from '../../relay/certificate.ts';
import { afterwards, openRelay, temporaryFolder } from '../harness.ts';
import { refused } from './program.ts';

const pinOf = (pem: string): Buffer =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest();

const unusable = { code: 'folder-unusable' };

type Kind = NonNullable<Parameters<typeof generate>[1]>;
type Brought = { cert: string; key: string; folder: string };

/** A certificate and its key as an operator brings them. */
async function bring(kind: Kind = { keyType: 'ec' }): Promise<Brought> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'chat.example.org' }], kind);
  return written(cert, key);
}

/** A curve that a relay can sign with, and that no client takes. */
function bringSecp224r1(): Brought {
  const pem = readFileSync(join(import.meta.dirname, 'secp224r1.pem'), 'utf8');
  const start = pem.indexOf('-----BEGIN CERTIFICATE');
  return written(pem.slice(start), pem.slice(0, start));
}

function written(cert: string, key: string): Brought {
  const folder = temporaryFolder();
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  return { ...files, folder };
}

test('is made on the first start, for its owner alone, and stays the same', async () => {
  const folder = temporaryFolder();
  const first = await ownCertificate(folder);
  expect(readdirSync(folder)).toEqual(['relay-tls.pem']);
  expect(statSync(join(folder, 'relay-tls.pem')).mode & 0o777).toBe(0o600);
  expect(await ownCertificate(folder)).toEqual(first);
  expect((await ownCertificate(temporaryFolder())).pin).not.toEqual(first.pin);
});

test('its pin is the hash of its public key, and it outlives its relay', async () => {
  const { cert, pin } = await ownCertificate(temporaryFolder());
  expect(pin).toEqual(pinOf(cert));
  const { validFrom, validTo } = new X509Certificate(cert);
  expect(Date.parse(validFrom)).toBeLessThan(Date.now());
  expect(Date.parse(validTo)).toBeGreaterThan(Date.now() + 50 * 365 * 24 * 60 * 60 * 1000);
});

test.for(['no PEM at all', ''])('a damaged one ("%s") is told, and not replaced', async (content) => {
  const folder = temporaryFolder();
  const file = join(folder, 'relay-tls.pem');
  writeFileSync(file, content);
  await expect(ownCertificate(folder)).rejects.toMatchObject(unusable);
  expect(readFileSync(file, 'utf8')).toBe(content);
});

test('one without its key, or with the key of another, is told', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'relay-tls.pem');
  await ownCertificate(folder);
  const [own] = readFileSync(file, 'utf8').split('-----BEGIN CERTIFICATE-----');
  const { cert, key } = await bring();
  for (const content of [own!, readFileSync(cert, 'utf8'), own! + readFileSync(cert, 'utf8')]) {
    writeFileSync(file, content);
    await expect(ownCertificate(folder)).rejects.toMatchObject(unusable);
  }
  writeFileSync(file, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'));
  expect((await ownCertificate(folder)).pin).toEqual(pinOf(readFileSync(cert, 'utf8')));
});

test('a draft that a crash left behind is no obstacle', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'relay-tls.pem.new'), 'half a ke');
  const { pin } = await ownCertificate(folder);
  expect((await ownCertificate(folder)).pin).toEqual(pin);
  expect(readdirSync(folder)).toEqual(['relay-tls.pem']);
});

test('a folder in the place of the file is told', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'relay-tls.pem'));
  await expect(ownCertificate(folder)).rejects.toMatchObject(unusable);
});

test.for<Kind>([
  { keyType: 'rsa', keySize: 2048 },
  { keyType: 'rsa', keySize: 4096 },
  { keyType: 'ec', curve: 'P-256' },
  { keyType: 'ec', curve: 'P-384' },
])('a relay serves the certificate of %j that it is given', async (kind) => {
  const { cert, key } = await bring(kind);
  const certificate = givenCertificate(cert, key);
  expect(certificate.pin).toEqual(pinOf(readFileSync(cert, 'utf8')));
  const relay = await openRelay({ certificate });
  expect(relay.key).toEqual(certificate.pin);
  expect(readdirSync(relay.data)).not.toContain('relay-tls.pem');
  const socket = connect({ port: relay.port, host: '127.0.0.1', rejectUnauthorized: false });
  afterwards(() => socket.destroy());
  await once(socket, 'secureConnect');
  expect(pinOf(socket.getPeerX509Certificate()!.toString())).toEqual(certificate.pin);
});

test('of a chain, the first certificate counts', async () => {
  const [leaf, authority] = [await bring(), await bring()];
  const chain = join(leaf.folder, 'chain.pem');
  writeFileSync(chain, readFileSync(leaf.cert, 'utf8') + '\n' + readFileSync(authority.cert, 'utf8'));
  expect(givenCertificate(chain, leaf.key).pin).toEqual(pinOf(readFileSync(leaf.cert, 'utf8')));
});

test('files that are missing, swapped or of two pairs are told', async () => {
  const [one, other] = [await bring(), await bring()];
  for (const [cert, key] of [
    [one.cert, other.key],
    [one.key, one.cert],
    [one.cert, one.cert],
  ]) {
    const message = `${cert} and ${key} are no certificate with its key, in PEM.`;
    expect(() => givenCertificate(cert!, key!)).toThrow(expect.objectContaining({ ...unusable, message }));
  }
  const missing = join(one.folder, 'missing.pem');
  const message = `${missing} cannot be read (ENOENT). Check its path, and as whom this runs.`;
  expect(() => givenCertificate(one.cert, missing)).toThrow(expect.objectContaining({ message }));
  expect(() => givenCertificate(missing, one.key)).toThrow(expect.objectContaining({ message }));
});

test.for<[string, () => Brought | Promise<Brought>]>([
  ['rsa 1024', () => bring({ keyType: 'rsa', keySize: 1024 })],
  ['secp521r1', () => bring({ keyType: 'ec', curve: 'P-521' })],
  ['secp224r1', bringSecp224r1],
])('a key of %s, which not every client takes, is told at the start', async ([kind, make]) => {
  const { cert, key, folder } = await make();
  const sentence = `has a key that clients don't take (${kind}). Bring one of RSA with 2048 to 8192 bits, or of the curve P-256 or P-384.`;
  const data = join(folder, 'data');
  const args = ['--json', '--port', '0', '--data', data];
  expect(await refused(...args, '--certificate', cert, '--key', key)).toBe(`${cert} ${sentence}`);
  expect(existsSync(data)).toBe(false);
  // Also where somebody has put it in the place of the relay's own.
  const own = join(data, 'relay-tls.pem');
  mkdirSync(data);
  writeFileSync(own, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'));
  expect(await refused(...args)).toBe(`${own} ${sentence}`);
});

test('a chain that TLS does not take is told', async () => {
  const { cert, key, folder } = await bring();
  const broken = '-----BEGIN CERTIFICATE-----\nbm9pc2U=\n-----END CERTIFICATE-----\n';
  appendFileSync(cert, `\n${broken}`);
  const args = ['--json', '--port', '0', '--data', join(folder, 'data'), '--certificate', cert, '--key', key];
  expect(await refused(...args)).toMatch(
    /cert\.pem cannot be used for TLS \(.+\)\. Bring another certificate\.$/,
  );
});
