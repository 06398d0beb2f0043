// Times as people read them: in the system's language, by the system's clock.

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const secondsFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const shortWeekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long' });
const dateFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const shortDateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'short' });

/** Calendar days between two times; positive if the first is the earlier. */
function daysBetween(earlier: number, later: number): number {
  const midnight = (time: number): number => new Date(time).setHours(0, 0, 0, 0);
  return Math.round((midnight(later) - midnight(earlier)) / 86_400_000);
}

/** 14:33 */
export const clock = (time: number): string => clockFormat.format(time);
/** 23 Nov 2026, 14:33:07 */
export const exact = (time: number): string => secondsFormat.format(time);
/** 12 October, or with its year if that is another */
export const date = (time: number, now = Date.now()): string =>
  (new Date(time).getFullYear() === new Date(now).getFullYear() ? dayFormat : dateFormat).format(time);

export const isSameDay = (one: number, other: number): boolean => daysBetween(one, other) === 0;

/** Today, Yesterday, Friday, 12 October, 12 October 2025 */
export function day(time: number, now: number): string {
  const ago = daysBetween(time, now);
  if (ago === 0) return 'Today';
  if (ago === 1) return 'Yesterday';
  if (ago > 1 && ago < 7) return weekdayFormat.format(time);
  return date(time, now);
}

/** For lists: 14:33 today, Fri in the last week, otherwise the date. */
export function brief(time: number, now: number): string {
  const ago = daysBetween(time, now);
  if (ago === 0) return clock(time);
  return ago > 0 && ago < 7 ? shortWeekdayFormat.format(time) : shortDateFormat.format(time);
}
