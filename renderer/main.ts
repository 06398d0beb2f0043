// Starts the page: first listens to what main tells, then asks how things stand.
import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import './theme.css';
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import { calls, on } from './bridge.ts';
import { useApp } from './stores/app.ts';
import { useConversations } from './stores/conversations.ts';
import { useDrafts } from './stores/drafts.ts';
import { useHosting } from './stores/hosting.ts';
import { useMessages } from './stores/messages.ts';

const page = createApp(App).use(createPinia());
const app = useApp();
const conversations = useConversations();
const messages = useMessages();
const drafts = useDrafts();
const hosting = useHosting();

async function takeStock(): Promise<void> {
  const result = await calls.snapshot();
  if (!result.ok) return app.notify(result.failure);
  const { stage, conversations: list, hosting: relay, ...rest } = result.value;
  hosting.now = relay;
  app.$patch(rest);
  if (stage.name === 'ready') conversations.load(list);
  app.stage = stage;
}

on.stageChanged((stage) => {
  // What there is to show comes with the snapshot.
  if (stage.name === 'ready') void takeStock();
  else app.stage = stage;
});
on.connectionChanged((connection) => (app.connection = connection));
on.hostingChanged((relay) => (hosting.now = relay));
on.changed((changes) => {
  messages.apply(changes.messages);
  conversations.apply(changes.conversations);
});
on.failed((failure) => app.notify(failure));
on.conversationOpened(({ contact }) => void conversations.select(contact));
on.leaving(() => void drafts.saveAll().then(() => calls.left()));
on.inviteOpened(() => void app.fetchInvite());
on.updateChanged((update) => app.applyUpdate(update));
// What was typed a moment ago is saved before the window goes.
addEventListener('pagehide', () => void drafts.saveAll());
addEventListener('blur', () => void drafts.saveAll());

void takeStock();
void app.fetchInvite();
page.mount('#app');
