// The relay's TLS key and certificate: made on first start, kept in one file, pinned by clients.
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { Failure } from '../protocol/failures.ts';
import { assertReadable, CERTIFICATE_FILE, failureOfDisk } from './data-folder.ts';

export type Certificate = {
  /** PEM. */
  cert: string;
  key: string;
  /** SHA-256 of the certificate's SPKI, 32 bytes: what invites carry and clients pin. */
  pin: Buffer;
};

const CENTURY_DAYS = 36_500;

/** @param pem certificate chain and private key, in any order @param file to name
 * @throws if either is missing or they don't match; Failure `folder-unusable` if clients wouldn't take them */
function parse(pem: string, file: string): Certificate {
  const certificate = new X509Certificate(pem);
  const key = createPrivateKey(pem);
  if (!certificate.checkPrivateKey(key)) throw new Error('the key does not belong to the certificate');
  assertServable(certificate.publicKey, file);
  try {
    // What else TLS minds, a chain for example, shows only here.
    createSecureContext({ cert: pem, key: pem });
  } catch (cause) {
    const { reason, message } = cause as Error & { reason?: string };
    const sentence = `${file} cannot be used for TLS (${reason ?? message}). Bring another certificate.`;
    throw new Failure('folder-unusable', sentence, { cause });
  }
  return { cert: pem, key: pem, pin: pinOf(certificate) };
}

/** What a client of BoringSSL (the app) takes in TLS 1.3 unless told otherwise. A relay with another key would start,
 * and every handshake fail. */
function assertServable({ asymmetricKeyType: type, asymmetricKeyDetails }: KeyObject, file: string): void {
  const { namedCurve, modulusLength: bits } = asymmetricKeyDetails ?? {};
  if (type === 'rsa' && bits && bits >= 2048 && bits <= 8192) return;
  if (namedCurve === 'prime256v1' || namedCurve === 'secp384r1') return;
  const found = [namedCurve ?? type, bits].filter(Boolean).join(' ');
  throw new Failure(
    'folder-unusable',
    `${file} has a key that clients don't take (${found}). Bring one of RSA with 2048 to 8192 bits, or of the curve ` +
      'P-256 or P-384.',
  );
}

/** SHA-256 of its SPKI, 32 bytes. */
export function pinOf(certificate: X509Certificate): Buffer {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest();
}

/** The relay's own certificate in DIR/relay-tls.pem, made if it is missing. Clients pin its key, so neither its
 * names nor its dates matter. @throws Failure `folder-unusable`, `disk-full` */
export async function ownCertificate(directory: string): Promise<Certificate> {
  const file = join(directory, CERTIFICATE_FILE);
  try {
    if (!existsSync(file)) await make(file);
    return parse(readFileSync(file, 'utf8'), file);
  } catch (cause) {
    throw unusable(file, cause);
  }
}

/** The same, but never made: a command must not give a relay a key by accident. @throws Failure `folder-unusable` */
export function keptCertificate(directory: string): Certificate {
  assertReadable(directory);
  const file = join(directory, CERTIFICATE_FILE);
  if (!existsSync(file)) {
    throw new Failure(
      'folder-unusable',
      `${directory} holds no key of a relay yet: start the relay there once, or restore a backup.`,
    );
  }
  try {
    return parse(readFileSync(file, 'utf8'), file);
  } catch (cause) {
    throw unusable(file, cause);
  }
}

function unusable(file: string, cause: unknown): Failure {
  const sentence = `${file} cannot be read or made. Restore it from a backup: invites are tied to its key.`;
  return failureOfDisk(cause, file) ?? new Failure('folder-unusable', sentence, { cause });
}

async function make(file: string): Promise<void> {
  // Imported only here: it takes longer to load than all the rest.
  const { generate } = await import('selfsigned');
  const notAfterDate = new Date(Date.now() + CENTURY_DAYS * 24 * 60 * 60 * 1000);
  const pem = await generate([{ name: 'commonName', value: 'Signet relay' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(0),
    notAfterDate,
  });
  // Written aside, synced, renamed: a crash leaves a whole file or none.
  const draft = `${file}.new`;
  const descriptor = openSync(draft, 'w', 0o600);
  writeSync(descriptor, `${pem.private.trim()}\n${pem.cert.trim()}\n`);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(draft, file);
}

/** A certificate that the operator brings, from a public CA for example; its key is pinned all the same.
 * @throws Failure `folder-unusable` */
export function givenCertificate(certFile: string, keyFile: string): Certificate {
  const [cert, key] = [readGiven(certFile), readGiven(keyFile)];
  try {
    // Each from its own file: swapped, the two together would still look whole.
    new X509Certificate(cert);
    createPrivateKey(key);
    return { ...parse(`${key}\n${cert}`, certFile), cert, key };
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const sentence = `${certFile} and ${keyFile} are no certificate with its key, in PEM.`;
    throw new Failure('folder-unusable', sentence, { cause });
  }
}

function readGiven(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    const sentence = `${file} cannot be read (${code}). Check its path, and as whom this runs.`;
    throw new Failure('folder-unusable', sentence, { cause });
  }
}
