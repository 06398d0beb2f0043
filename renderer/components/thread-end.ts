// The end of a thread: who is there stays there, whatever changes its size around them, until they scroll up.
import type { Virtualizer } from '@tanstack/vue-virtual';
import { nextTick, onMounted, onUnmounted, type Ref, shallowRef, type ShallowRef } from 'vue';

/** This close to the end counts as being there, pixels. */
export const NEAR_END = 48;

type Options = {
  scroller: Readonly<ShallowRef<HTMLElement | null>>;
  /** What is scrolled. */
  sheet: Readonly<ShallowRef<HTMLElement | null>>;
  virtualizer: Ref<Virtualizer<HTMLElement, Element>>;
  /** Index to begin at, null for the end. */
  start: number | null;
  /** Told whenever it may have changed whether somebody sees the end. */
  onNoted: (isSeen: boolean) => void;
};

export type ThreadEnd = {
  isAtEnd: Readonly<ShallowRef<boolean>>;
  /** Looks again: after scrolling, and when something has come. */
  note: () => void;
  toEnd: () => void;
  goTo: (index: number, align: 'start' | 'auto') => void;
};

export function useThreadEnd({ scroller, sheet, virtualizer, start, onNoted }: Options): ThreadEnd {
  const isAtEnd = shallowRef(true);
  let before = { scrollTop: 0, scrollHeight: 0, clientHeight: 0 };

  function note(): void {
    if (!scroller.value) return;
    const { scrollTop, scrollHeight, clientHeight } = scroller.value;
    const isSameSize = scrollHeight === before.scrollHeight && clientHeight === before.clientHeight;
    // As it is now: the virtualizer learns of a scroll only after this.
    if (scrollHeight - scrollTop - clientHeight <= NEAR_END) isAtEnd.value = true;
    // Only whoever scrolls up leaves the end: what grows or shrinks around it doesn't.
    else if (isSameSize && scrollTop < before.scrollTop) isAtEnd.value = false;
    before = { scrollTop, scrollHeight, clientHeight };
    onNoted(isAtEnd.value && document.hasFocus());
  }

  const toEnd = (): void => virtualizer.value.scrollToEnd();

  function goTo(index: number, align: 'start' | 'auto'): void {
    isAtEnd.value = false;
    virtualizer.value.scrollToIndex(index, { align });
  }

  /** The window, the composer or a text has changed its size. */
  const resizing = new ResizeObserver(() => {
    if (isAtEnd.value) toEnd();
    note();
  });

  onMounted(async () => {
    addEventListener('focus', note);
    await nextTick();
    if (!scroller.value || !sheet.value) return;
    if (start === null) toEnd();
    else goTo(start, 'start');
    resizing.observe(scroller.value);
    resizing.observe(sheet.value);
    requestAnimationFrame(note);
  });
  onUnmounted(() => {
    removeEventListener('focus', note);
    resizing.disconnect();
  });

  return { isAtEnd, note, toEnd, goTo };
}
