// What is new in a version, out of CHANGELOG.md: node build/notes.mjs v1.2.3. Fails unless that is the version here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const version = (process.argv[2] ?? '').replace(/^v/, '');
const { version: own } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const sections = readFileSync(join(root, 'CHANGELOG.md'), 'utf8').split(/^## /m);
const section = sections.find((text) => text.startsWith(`[${version}]`));
if (version !== own || !section) {
  console.error(
    version !== own
      ? `This is version ${own}, not "${version}": the tag and package.json have to name the same.`
      : `CHANGELOG.md has no section "## [${version}]": give it one.`,
  );
  process.exit(1);
}
console.log(section.slice(section.indexOf('\n')).trim());
