// What was begun to be written: saved after a pause, given back when it could not be sent, and never lost to what was
// on the disk before.
import { expect, test, vi } from 'vitest';
import { asked, askedOnce } from '../bridge.ts';
import { useApp } from '../../../renderer/stores/app.ts';
import { useDrafts } from '../../../renderer/stores/drafts.ts';

const saved = (): unknown[] => asked('saveDraft').map(({ input: { contact, text } }) => [contact, text]);
const pause = (ms = 400): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const failure = { code: 'disk-full', message: 'The disk is full.' } as const;

test('what is typed is there at once, and saved after a pause, each contact for itself', async () => {
  const drafts = useDrafts();
  drafts.set('bob', 'H');
  await pause(300);
  drafts.set('bob', 'He');
  drafts.set('carol', 'Dear');
  expect(drafts.get('bob')).toBe('He');
  await pause(399);
  expect(saved()).toEqual([]);
  await pause(1);
  expect(saved()).toEqual([
    ['bob', 'He'],
    ['carol', 'Dear'],
  ]);
  // Nothing new to save.
  drafts.set('bob', 'Hey');
  drafts.set('bob', 'He');
  await pause();
  await drafts.save('bob');
  expect(saved()).toEqual([]);
});

test('all that waits is saved at once when the window goes, and only once', async () => {
  const drafts = useDrafts();
  drafts.set('bob', 'Hello');
  drafts.set('carol', 'Dear');
  void drafts.saveAll();
  expect(saved()).toEqual([
    ['bob', 'Hello'],
    ['carol', 'Dear'],
  ]);
  await pause(1000);
  void drafts.saveAll();
  expect(saved()).toEqual([]);
});

test('what was begun in an earlier run is fetched once, and does not overwrite what is typed meanwhile', async () => {
  const drafts = useDrafts();
  void drafts.load('bob');
  await askedOnce('draft').answer('from before');
  expect(drafts.get('bob')).toBe('from before');
  await drafts.load('bob');
  expect(asked('draft')).toEqual([]);
  await drafts.save('bob');
  expect(saved()).toEqual([]);

  void drafts.load('carol');
  const late = askedOnce('draft');
  drafts.set('carol', 'typed');
  await pause();
  expect(saved()).toEqual([['carol', 'typed']]);
  await late.answer('from before');
  expect(drafts.get('carol')).toBe('typed');
  // What was on the disk before is there no more: it is saved when it is typed again.
  drafts.set('carol', 'from before');
  await pause();
  expect(saved()).toEqual([['carol', 'from before']]);
});

test('what could not be fetched, or was not yet, is not replaced by nothing', async () => {
  const [drafts, app] = [useDrafts(), useApp()];
  void drafts.load('bob');
  const late = askedOnce('draft');
  // The conversation is left at once.
  await drafts.save('bob');
  expect(saved()).toEqual([]);
  await late.refuse(failure);
  expect([...app.notices.values()]).toEqual([failure]);
  await drafts.save('bob');
  expect(saved()).toEqual([]);
  void drafts.load('bob');
  await askedOnce('draft').answer('from before');
  expect(drafts.get('bob')).toBe('from before');
});

test('a text on its way is out of the composer; on the disk it stays until it was accepted', async () => {
  const drafts = useDrafts();
  drafts.set('bob', 'Hello');
  await pause();
  saved();
  drafts.set('bob', 'Hello Bob');
  expect(drafts.take('bob')).toBe('Hello Bob');
  expect(drafts.get('bob')).toBe('');
  await pause(1000);
  void drafts.saveAll();
  expect(saved()).toEqual([]);
  // It was accepted.
  void drafts.save('bob');
  expect(saved()).toEqual([['bob', '']]);
});

test('a text that could not be sent comes back before what was typed since', async () => {
  const drafts = useDrafts();
  drafts.set('bob', 'Hello');
  const text = drafts.take('bob');
  drafts.giveBack('bob', text);
  expect(drafts.get('bob')).toBe('Hello');
  expect(drafts.take('bob')).toBe('Hello');
  drafts.set('bob', 'and more');
  drafts.giveBack('bob', 'Hello');
  expect(drafts.get('bob')).toBe('Hello\nand more');
  await pause();
  expect(saved()).toEqual([['bob', 'Hello\nand more']]);
});

test('that a draft could not be saved is told, and it is tried again', async () => {
  const [drafts, app] = [useDrafts(), useApp()];
  drafts.set('bob', 'Hello');
  await pause();
  await askedOnce('saveDraft').refuse(failure);
  expect([...app.notices.values()]).toEqual([failure]);
  void drafts.save('bob');
  await askedOnce('saveDraft').answer(undefined);
  void drafts.save('bob');
  expect(saved()).toEqual([]);
});
