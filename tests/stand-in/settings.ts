// What the starter told the stand-in; the app itself never sees it.
import { type Settings, variable } from './start.ts';

export const settings = JSON.parse(process.env[variable]!) as Settings;
delete process.env[variable];
