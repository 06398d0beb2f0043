// What the starter told the stand-in; the app itself never sees it.
import { resolve } from 'node:path';
import { type Settings, variable } from './start.ts';

export const settings = JSON.parse(process.env[variable]!) as Settings;
delete process.env[variable];
/** Main's entry: in the arguments only while the app is being developed. */
export const entry = resolve(process.argv[2]!);
