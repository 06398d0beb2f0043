// The relay's TLS key and certificate: made on first start, kept in one file, pinned by clients.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
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

/** @param pem certificate chain and private key, in any order @throws if either is missing or they don't match */
function parse(pem: string): Certificate {
  const certificate = new X509Certificate(pem);
  const key = createPrivateKey(pem);
  if (!certificate.checkPrivateKey(key)) throw new Error('the key does not belong to the certificate');
  return { cert: pem, key: pem, pin: pinOf(certificate) };
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
    return parse(readFileSync(file, 'utf8'));
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
    return parse(readFileSync(file, 'utf8'));
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
  try {
    const cert = readFileSync(certFile, 'utf8');
    const key = readFileSync(keyFile, 'utf8');
    // Each from its own file: swapped, the two together would still look whole.
    new X509Certificate(cert);
    createPrivateKey(key);
    return { ...parse(`${key}\n${cert}`), cert, key };
  } catch (cause) {
    throw new Failure(
      'folder-unusable',
      `${certFile} and ${keyFile} are no certificate with its key, in PEM.`,
      {
        cause,
      },
    );
  }
}
