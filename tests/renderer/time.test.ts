// Times as people read them, by a calendar with a change to daylight saving time, in whatever language.
import { expect, test } from 'vitest';

// Before anything of Intl is made: the clocks go forward here on 29 March 2026, and back on 25 October.
process.env['TZ'] = 'Europe/Berlin';
const { brief, clock, date, day, exact, isSameDay } = await import('../../renderer/time.ts');

const at = (month: number, dayOfMonth: number, hour = 12, minute = 0, year = 2026): number =>
  new Date(year, month - 1, dayOfMonth, hour, minute).getTime();
const format = (time: number, options: Intl.DateTimeFormatOptions): string =>
  new Intl.DateTimeFormat(undefined, options).format(time);

test('the test runs where the clocks change', () => {
  expect(at(3, 30, 0) - at(3, 29, 0)).toBe(23 * 3_600_000);
  expect(at(10, 26, 0) - at(10, 25, 0)).toBe(25 * 3_600_000);
});

test('a day is a calendar day, however long it is', () => {
  expect(isSameDay(at(11, 23, 0), at(11, 23, 23, 59))).toBe(true);
  expect(isSameDay(at(11, 23, 23, 59), at(11, 24, 0))).toBe(false);
  expect(isSameDay(at(3, 29, 0), at(3, 29, 23, 59))).toBe(true);
  expect(isSameDay(at(11, 23), at(11, 23, 12, 0, 2025))).toBe(false);
});

test.each([
  ['in winter', 11, 23],
  ['when the clocks went forward', 3, 30],
  ['when the clocks went back', 10, 26],
])('a day is named by how long ago it is: %s', (_name, month, today) => {
  const now = at(month, today, 0, 30);
  const weekday = (time: number): string => format(time, { weekday: 'long' });
  expect(day(at(month, today, 23, 59), now)).toBe('Today');
  expect(day(at(month, today, 0), now)).toBe('Today');
  expect(day(at(month, today - 1, 23, 59), now)).toBe('Yesterday');
  expect(day(at(month, today - 1, 0), now)).toBe('Yesterday');
  expect(day(at(month, today - 2, 23, 59), now)).toBe(weekday(at(month, today - 2)));
  expect(day(at(month, today - 6, 0), now)).toBe(weekday(at(month, today - 6)));
  const lastWeek = at(month, today - 7, 23, 59);
  expect(day(lastWeek, now)).toBe(format(lastWeek, { day: 'numeric', month: 'long' }));
  // The sender's clock may be ahead.
  const tomorrow = at(month, today + 1, 0);
  expect(day(tomorrow, now)).toBe(format(tomorrow, { day: 'numeric', month: 'long' }));
});

test('the year is named when it is another', () => {
  const long = { day: 'numeric', month: 'long', year: 'numeric' } as const;
  const [now, old] = [at(11, 23), at(11, 23, 12, 0, 2025)];
  expect(day(old, now)).toBe(format(old, long));
  expect(date(old, now)).toBe(format(old, long));
  expect(date(old, now)).toContain('2025');
  expect(date(at(10, 12), now)).toBe(format(at(10, 12), { day: 'numeric', month: 'long' }));
  expect(date(at(10, 12), now)).not.toContain('2026');
  // Around New Year the week goes before the year.
  expect(day(at(12, 31, 12, 0, 2025), at(1, 2))).toBe(format(at(12, 31, 12, 0, 2025), { weekday: 'long' }));
});

test('in lists the time stands for today, the weekday for the last week, the date for the rest', () => {
  const now = at(11, 23, 12);
  expect(brief(at(11, 23, 9, 5), now)).toBe(clock(at(11, 23, 9, 5)));
  expect(brief(at(11, 22, 23, 59), now)).toBe(format(at(11, 22), { weekday: 'short' }));
  expect(brief(at(11, 17, 0), now)).toBe(format(at(11, 17), { weekday: 'short' }));
  expect(brief(at(11, 16, 23, 59), now)).toBe(format(at(11, 16), { dateStyle: 'short' }));
  expect(brief(at(11, 24), now)).toBe(format(at(11, 24), { dateStyle: 'short' }));
});

test('the clock has minutes, the exact time seconds and its day', () => {
  const time = new Date(2026, 10, 23, 14, 33, 7).getTime();
  expect(clock(time)).toMatch(/^(14|2|02):33(\s?PM)?$/i);
  expect(clock(at(11, 23, 9, 5))).toMatch(/^0?9:05/);
  expect(exact(time)).toMatch(/33:07/);
  expect(exact(time)).toMatch(/2026/);
});
