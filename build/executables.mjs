// Tells from a program's or library's first bytes what it is made for.
import { closeSync, openSync, readSync } from 'node:fs';

const ELF = { 62: 'x64', 183: 'arm64' };
const PE = { 0x8664: 'x64', 0xaa64: 'arm64' };
const MACH_O = { 0x01000007: 'x64', 0x0100000c: 'arm64' };

/** @returns such as linux-x64, as Node.js calls it; undefined for anything else */
export function systemOf(file) {
  const head = Buffer.alloc(4096);
  const descriptor = openSync(file);
  readSync(descriptor, head, 0, head.length, 0);
  closeSync(descriptor);
  const magic = head.readUInt32BE(0);
  if (magic === 0x7f454c46) return named('linux', ELF[head.readUInt16LE(18)]);
  if (magic === 0xcffaedfe) return named('darwin', MACH_O[head.readUInt32LE(4)]);
  const header = head.readUInt32LE(0x3c);
  if (head.toString('latin1', 0, 2) === 'MZ' && head.toString('latin1', header, header + 2) === 'PE') {
    return named('win32', PE[head.readUInt16LE(header + 4)]);
  }
  return undefined;
}

const named = (platform, processor) => processor && `${platform}-${processor}`;
