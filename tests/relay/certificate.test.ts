// The key that invites are tied to: made once, kept safe, never replaced by mistake.
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { generate } from 'selfsigned';
import { expect, test } from 'vitest';
import { givenCertificate, ownCertificate } from '../../relay/certificate.ts';
import { afterwards, openRelay, temporaryFolder } from '../town.ts';

const pinOf = (pem: string): Buffer =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest();

const unusable = { code: 'folder-unusable' };

/** A certificate and its key as an operator brings them. */
async function bring(keyType: 'ec' | 'rsa' = 'ec'): Promise<{ cert: string; key: string; folder: string }> {
  const folder = temporaryFolder();
  const pem = await generate([{ name: 'commonName', value: 'chat.example.org' }], { keyType, keySize: 2048 });
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(cert, pem.cert);
  writeFileSync(key, pem.private);
  return { cert, key, folder };
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

test.for(['ec', 'rsa'] as const)('a relay serves the %s certificate that it is given', async (keyType) => {
  const { cert, key } = await bring(keyType);
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
    [one.cert, join(one.folder, 'missing.pem')],
  ]) {
    expect(() => givenCertificate(cert!, key!)).toThrow(expect.objectContaining(unusable));
  }
});
