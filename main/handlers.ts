// What each call of the contract does.
import { writeFile } from 'node:fs/promises';
import { app, clipboard, dialog } from 'electron';
import type { Changes, Snapshot } from '../preload/contract.ts';
import { MAX_TEXT_BYTES } from '../protocol/content.ts';
import { Failure } from '../protocol/failures.ts';
import type { Autostart } from './autostart.ts';
import type { Hosting } from './hosting.ts';
import type { Handlers } from './ipc.ts';
import { checkInvite, type Profile } from './profile.ts';
import type { Settings } from './settings.ts';
import type { Updates } from './updates.ts';

type Parts = {
  profile: Profile;
  settings: Settings;
  hosting: Hosting;
  autostart: Autostart;
  updates: Updates;
  /** The conversation on the screen has changed, or has been looked at. */
  onLooked: (contact: string | null) => void;
  openLink: (url: string) => Promise<void>;
  /** The signet:// link that was opened last; given once. */
  openedInvite: () => string | null;
  /** The page has saved all that there was to save. */
  onLeft: () => void;
};

export function handlersFor(parts: Parts): Handlers {
  const { profile, settings, hosting, autostart, updates } = parts;
  const { onLooked, openLink, openedInvite, onLeft } = parts;
  const conversations = (): Changes['conversations'] =>
    profile.stage.name === 'ready' ? profile.messenger.overview.list() : [];
  return {
    snapshot: (): Snapshot => ({
      stage: profile.stage,
      connection: profile.connection,
      hosting: hosting.shown,
      conversations: conversations(),
      platform: process.platform,
      version: app.getVersion(),
      maxTextBytes: MAX_TEXT_BYTES,
      update: updates.state,
    }),
    checkInvite: ({ invite }) => checkInvite(invite),
    join: ({ name, invite }) => profile.join(name, invite),
    retry: () => profile.open(),
    quit: () => app.quit(),
    left: onLeft,
    reconnect: () => profile.messenger.reconnectNow(),

    continueHere: () => profile.messenger.continueHere(),

    startConversation: ({ name }) => profile.messenger.startConversation(name),
    messages: ({ contact, from, count }) => profile.messenger.overview.page(contact, from, count),
    sendMessage: async ({ to, text }) => void (await profile.messenger.send(to, text)),
    retryMessage: ({ id }) => profile.messenger.retry(id),
    markRead: ({ contact, upTo }) => {
      profile.messenger.markRead(contact, upTo);
      onLooked(contact);
    },
    draft: ({ contact }) => profile.messenger.draft(contact),
    saveDraft: ({ contact, text }) => profile.messenger.saveDraft(contact, text),
    showing: ({ contact }) => onLooked(contact),

    messageDetails: ({ contact, position }) => profile.messenger.overview.details(contact, position),
    contactDetails: async ({ contact }) => {
      const { trust } = profile.messenger;
      const safetyNumber = await trust.safetyNumber(contact);
      return { fingerprint: trust.known(contact).identity.toString('hex'), safetyNumber };
    },
    markCompared: ({ contact, fingerprint }) => profile.messenger.trust.markCompared(contact, fingerprint),
    acceptIdentity: ({ contact, fingerprint }) =>
      profile.messenger.trust.acceptIdentity(contact, fingerprint),
    acceptList: ({ contact }) => profile.messenger.trust.acceptList(contact),
    acceptRequest: ({ contact }) => profile.messenger.trust.accept(contact),
    declineRequest: ({ contact }) => profile.messenger.trust.decline(contact),
    setBlocked: ({ contact, isBlocked }) => profile.messenger.trust.setBlocked(contact, isBlocked),

    settings: () => ({ ...settings.chosen, startsWithComputer: autostart.isOn }),
    changeSettings: ({ startsWithComputer, ...change }) => {
      if (startsWithComputer !== undefined) autostart.set(startsWithComputer);
      settings.change(change);
      void updates.want(settings.chosen.updates);
      return { ...settings.chosen, startsWithComputer: autostart.isOn };
    },
    checkForUpdates: () => void updates.check(),
    copyText: ({ text }) => clipboard.writeText(text),
    openLink: ({ url }) => openLink(url),

    openedInvite,
    invite: () => profile.messenger.invite(hosting.inviteAddresses),
    acceptInvite: ({ invite }) => profile.messenger.acceptInvite(invite) ?? null,
    saveImage: async ({ name, png }) => {
      const { filePath } = await dialog.showSaveDialog({
        defaultPath: `${name}.png`,
        filters: [{ name: 'PNG', extensions: ['png'] }],
      });
      if (!filePath) return false;
      await writeFile(filePath, png).catch((cause: unknown) => {
        throw new Failure(
          'folder-unusable',
          `The image can't be saved as ${filePath}. Choose another folder.`,
          { cause },
        );
      });
      return true;
    },

    host: ({ port, address }) => hosting.host(port, address),
    stopHosting: () => hosting.stop(),
    backUpRelay: () => hosting.backUp(),
    restoreRelay: () => hosting.restore(),
    hostingLog: () => hosting.log,
  };
}
