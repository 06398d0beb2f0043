// The conversations: the list as main tells it, and the one that is open.
import { defineStore } from 'pinia';
import { computed, shallowReactive, shallowRef } from 'vue';
import type { Conversation } from '../../preload/contract.ts';
import { calls } from '../bridge.ts';
import { useMessages } from './messages.ts';

export const useConversations = defineStore('conversations', () => {
  const messages = useMessages();
  const byContact = shallowReactive(new Map<string, Conversation>());
  const open = shallowRef<string | null>(null);
  /** The one that was chosen last; it is open once its messages are there. */
  let wanted: string | null = null;
  /** Index of the first message that was unread when the conversation was opened, or came while it was not seen. */
  const newFrom = shallowRef<number | null>(null);
  const loaded = shallowRef(false);

  /** The latest first; those without a message by name, at the end. */
  const list = computed(() =>
    [...byContact.values()]
      // A request that was declined has no messages any more.
      .filter(({ status, count }) => status !== 'request' || count > 0)
      .sort((a, b) => (b.last?.position ?? 0) - (a.last?.position ?? 0) || (a.contact < b.contact ? -1 : 1)),
  );
  const current = computed(() => (open.value === null ? undefined : byContact.get(open.value)));

  /** Takes what main tells, unless something newer is known. */
  function apply(conversations: Conversation[]): void {
    for (const conversation of conversations) {
      const known = byContact.get(conversation.contact);
      if (!known || conversation.revision >= known.revision) {
        byContact.set(conversation.contact, conversation);
      }
    }
  }

  function load(conversations: Conversation[]): void {
    apply(conversations);
    loaded.value = true;
  }

  /** Opens a conversation once its last messages are there, or at once if they take long. */
  async function select(contact: string | null): Promise<void> {
    if (contact === wanted) return;
    wanted = contact;
    const conversation = contact === null ? undefined : byContact.get(contact);
    if (conversation) await messages.preload(conversation);
    // Another one was chosen meanwhile.
    if (contact !== wanted || contact === open.value) return;
    open.value = contact;
    newFrom.value = current.value?.firstUnread ?? null;
    void calls.showing({ contact });
  }

  /** What is new is told apart from what was read before: by the line above it. */
  function noteNew(): void {
    newFrom.value ??= current.value?.firstUnread ?? null;
  }

  function forgetNew(): void {
    newFrom.value = null;
  }

  function markRead(contact: string): void {
    const { unread = 0, last } = byContact.get(contact) ?? {};
    if (unread > 0 && last) void calls.markRead({ contact, upTo: last.position });
  }

  return {
    list,
    open,
    current,
    newFrom,
    loaded,
    apply,
    load,
    select,
    noteNew,
    forgetNew,
    markRead,
    start: (name: string) => calls.startConversation({ name }),
    details: (contact: string) => calls.contactDetails({ contact }),
    markCompared: (contact: string, fingerprint: string) => calls.markCompared({ contact, fingerprint }),
    acceptIdentity: (contact: string, fingerprint: string) => calls.acceptIdentity({ contact, fingerprint }),
    acceptList: (contact: string) => calls.acceptList({ contact }),
    acceptRequest: (contact: string) => calls.acceptRequest({ contact }),
    declineRequest: (contact: string) => calls.declineRequest({ contact }),
    setBlocked: (contact: string, isBlocked: boolean) => calls.setBlocked({ contact, isBlocked }),
  };
});
