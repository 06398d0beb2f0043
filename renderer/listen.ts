// What main tells, brought to the stores: first the page listens, then it asks how things stand.
import type { Snapshot } from '../preload/contract.ts';
import { calls, on } from './bridge.ts';
import { useApp } from './stores/app.ts';
import { useConversations } from './stores/conversations.ts';
import { useDrafts } from './stores/drafts.ts';
import { useHosting } from './stores/hosting.ts';
import { useMessages } from './stores/messages.ts';

export function listen(): void {
  const app = useApp();
  const conversations = useConversations();
  const messages = useMessages();
  const drafts = useDrafts();
  const hosting = useHosting();
  /** What was told since the last snapshot was asked for: it is at least as new. Rows know their own age. */
  let since: Partial<Omit<Snapshot, 'conversations'>> = {};

  async function takeStock(): Promise<void> {
    const mine = (since = {});
    const result = await calls.snapshot();
    // It was asked for again: that answer is newer.
    if (mine !== since) return;
    if (!result.ok) return app.notify(result.failure);
    const { stage, conversations: list, hosting: relay, ...rest } = { ...result.value, ...since };
    hosting.now = relay;
    app.$patch(rest);
    if (stage.name === 'ready') conversations.load(list);
    app.stage = stage;
  }

  on.stageChanged((stage) => {
    // What there is to show comes with the snapshot.
    if (stage.name === 'ready') void takeStock();
    else app.stage = since.stage = stage;
  });
  on.connectionChanged((connection) => (app.connection = since.connection = connection));
  on.hostingChanged((relay) => (hosting.now = since.hosting = relay));
  on.updateChanged((update) => app.applyUpdate((since.update = update)));
  on.changed((changes) => {
    messages.apply(changes.messages);
    conversations.apply(changes.conversations);
  });
  on.failed((failure) => app.notify(failure));
  on.conversationOpened(({ contact }) => void conversations.select(contact));
  on.leaving(() => void drafts.saveAll().then(() => calls.left()));
  on.inviteOpened(() => void app.fetchInvite());

  void takeStock();
  void app.fetchInvite();
}
