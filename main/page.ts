// The page's files, served over a scheme of Signet's own: nothing comes from the network, nothing from elsewhere on
// the disk.
import { readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { type Protocol, protocol } from 'electron';

const SCHEME = 'app';
export const PAGE_ORIGIN = `${SCHEME}://signet`;
export const PAGE_URL = `${PAGE_ORIGIN}/index.html`;

/** Only files of the page itself; styles are set through the CSSOM, which needs no 'unsafe-inline'. Vue asks for a
 * Trusted Types policy of its name, through which its own compiled templates go. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types vue',
].join('; ');

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.woff2': 'font/woff2',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** Before the app is ready. `standard` gives the page an origin, `secure` makes that one trustworthy. */
export function registerPageScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges: { standard: true, secure: true } }]);
}

/** Answers the page's requests. @param folder the built page */
export function servePage(target: Protocol, folder: string): void {
  target.handle(SCHEME, async ({ url, method }) => {
    const { host, pathname } = new URL(url);
    const type = types[extname(pathname)];
    const file = locate(folder, pathname);
    if (method !== 'GET' || host !== 'signet' || !type || !file) return refuse();
    try {
      const headers = {
        'Content-Type': type,
        'Content-Security-Policy': CONTENT_SECURITY_POLICY,
        'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'no-referrer',
      };
      return new Response(await readFile(file), { headers });
    } catch {
      return refuse();
    }
  });
}

const refuse = (): Response => new Response('There is no such file.', { status: 404 });

/** @returns the file that a path of the page stands for; undefined if it would leave the folder */
function locate(folder: string, pathname: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  if (path.includes('\0') || path.includes('\\')) return undefined;
  const file = join(folder, path);
  return file.startsWith(folder + sep) ? file : undefined;
}
