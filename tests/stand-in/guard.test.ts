// What the stand-in lacks says so by name, and every name that main could import is there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { launch } from './fixture.ts';

test('every export of the main process is there', () => {
  const types = readFileSync(join(import.meta.dirname, '../../node_modules/electron/electron.d.ts'), 'utf8');
  const [, text] = /namespace CrossProcessExports \{(.*?)\n  \}/s.exec(types)!;
  const names = [...text!.matchAll(/^ {4}(?:const|class) (\w+)/gm)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(40);
  const own = readFileSync(join(import.meta.dirname, 'electron.ts'), 'utf8');
  const elsewhere = [
    'contextBridge',
    'ipcRenderer',
    'webFrame',
    'webUtils',
    'localAIHandler',
    'LanguageModelUtility',
  ];
  const absent = names.filter((name) => !elsewhere.includes(name) && !new RegExp(`\\b${name}\\b`).test(own));
  expect(absent).toEqual([]);
});

test('a missing API, member, event, option or path throws by its name', async () => {
  const app = await launch(
    (electron, { print }) => {
      const { app, BrowserWindow, Menu, Notification, ipcMain, nativeTheme, shell } = electron;
      const attempts: (() => unknown)[] = [
        () => electron.globalShortcut.register('F1', () => {}),
        () => new electron.TouchBar({}),
        () => app.getGPUInfo('basic'),
        () => app.on('login', () => {}),
        () => app.getPath('crashDumps'),
        () => ipcMain.on('x', () => {}),
        () => shell.beep(),
        () => nativeTheme.inForcedColorsMode,
        () => BrowserWindow.fromId(1),
        () => new BrowserWindow({ frame: false }),
        () => new BrowserWindow({ webPreferences: { sandbox: false } }),
        () => new BrowserWindow({ webPreferences: { plugins: true } }),
        () => new BrowserWindow().setOpacity(1),
        () => new BrowserWindow().webContents.print(),
        () => new BrowserWindow().webContents.mainFrame.frameToken,
        () => new BrowserWindow().on('sheet-begin', () => {}),
        () => Menu.sendActionToFirstResponder('x'),
        () => new Notification({ subtitle: 'x' }),
      ];
      void app.whenReady().then(() => {
        for (const attempt of attempts)
          try {
            print('nothing thrown by', String(attempt), attempt());
          } catch (error) {
            print((error as Error).message);
          }
        app.exit();
      });
    },
    { window: false },
  );
  await app.exited;
  const lacks = (name: string): string => `The stand-in has no electron.${name}`;
  expect(app.log().trim().split('\n')).toEqual(
    [
      ...[
        'globalShortcut.register',
        'TouchBar',
        'app.getGPUInfo',
        "app event 'login'",
        "app.getPath('crashDumps')",
      ],
      ...['ipcMain.on', 'shell.beep', 'nativeTheme.inForcedColorsMode', 'BrowserWindow.fromId'],
      ...["BrowserWindow option 'frame'", 'BrowserWindow but with sandbox and context isolation'],
      ...["WebPreferences option 'plugins'", 'BrowserWindow.setOpacity', 'WebContents.print'],
      ...['WebFrameMain.frameToken', "BrowserWindow event 'sheet-begin'", 'Menu.sendActionToFirstResponder'],
      "Notification option 'subtitle'",
    ].map(lacks),
  );
});
