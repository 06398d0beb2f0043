// Links that open Signet: signet://join?... from a mail, a page, a QR code.
import { app } from 'electron';

const SCHEME = 'signet';

/** The link among a program's arguments, which is how Windows and Linux hand it over. */
export const linkIn = (args: string[]): string | null =>
  args.find((arg) => arg.toLowerCase().startsWith(`${SCHEME}://`)) ?? null;

type Links = {
  take: (link: string | null) => void;
  /** The link that was opened last; given once. */
  give: () => string | null;
};

/** Makes this app the one that opens such links, once it is installed: a checkout must not take them over.
 * @param first the one that Signet was started with @param onTaken told of each one that comes later; a page that
 *   isn't there yet asks when it is */
export function openLinks(first: string | null, onTaken: () => void): Links {
  let waiting = first;
  const take = (link: string | null): void => {
    if (!link) return;
    waiting = link;
    onTaken();
  };
  // A portable program runs from where it was unpacked to for this once.
  const program = process.env['PORTABLE_EXECUTABLE_FILE'] ?? process.execPath;
  if (app.isPackaged) app.setAsDefaultProtocolClient(SCHEME, program);
  // How macOS hands them over; also the first, before the app is ready.
  app.on('open-url', (event, link) => {
    event.preventDefault();
    take(link);
  });
  return {
    take,
    give: () => {
      const link = waiting;
      waiting = null;
      return link;
    },
  };
}
