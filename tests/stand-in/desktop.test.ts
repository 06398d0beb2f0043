// Windows, tray, menus, notifications and the rest of the desktop, read and clicked by a test.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../harness.ts';
import { launch } from './fixture.ts';

test('tray, menus, notifications, dialogs, clipboard, links, badge and login item are recorded, and can be used', async () => {
  const app = await launch(
    ({ app, Menu, Tray, Notification, dialog, shell, clipboard, nativeImage, ipcMain }, { open, print }) => {
      ipcMain.handle('ask', async () => [
        await dialog.showMessageBox({ message: 'Sure?', buttons: ['No', 'Yes'], cancelId: 0 }),
        await dialog.showSaveDialog({ title: 'Where?' }),
        await dialog.showOpenDialog({ title: 'Which?' }),
      ]);
      void app.whenReady().then(async () => {
        const window = open({ title: 'Main' });
        const tray = new Tray(nativeImage.createEmpty());
        tray.setToolTip('Fixture');
        tray.on('click', () => print('tray'));
        const items = [
          { label: 'Mute', type: 'checkbox', checked: false, click: (item) => print('mute', item.checked) },
          { type: 'separator' },
          { label: 'Off', enabled: false },
          { label: 'Quit', role: 'quit' },
        ] satisfies Electron.MenuItemConstructorOptions[];
        tray.setContextMenu(Menu.buildFromTemplate(items));
        Menu.setApplicationMenu(
          Menu.buildFromTemplate([
            { label: 'File', submenu: [{ label: 'Hide', click: () => window.hide() }] },
          ]),
        );
        const notification = new Notification({ title: 'Ada', body: 'hello' });
        notification.on('click', () => print('notified'));
        notification.on('close', () => print('closed'));
        notification.show();
        app.setBadgeCount(3);
        app.setLoginItemSettings({ openAtLogin: true });
        await clipboard.writeText('copied');
        await shell.openExternal('https://signet.example/');
        print(await clipboard.readText(), app.getLoginItemSettings().openAtLogin, app.badgeCount);
      });
    },
  );
  expect(await app.recorded()).toMatchObject({
    tray: {
      toolTip: 'Fixture',
      menu: [{ label: 'Mute', checked: false }, { label: 'Off', enabled: false }, { label: 'Quit' }],
    },
    menu: [{ label: 'File', submenu: [{ label: 'Hide' }] }],
    notifications: [{ title: 'Ada', body: 'hello', shown: true }],
    ...{
      badge: 3,
      loginItem: { openAtLogin: true },
      clipboard: 'copied',
      openedUrls: ['https://signet.example/'],
    },
  });
  await app.answerDialog({ response: 1 });
  await app.answerDialog({ filePath: '/tmp/backup' });
  expect(await app.page.evaluate(`bridge.invoke('ask')`)).toEqual([
    { response: 1, checkboxChecked: false },
    { canceled: false, filePath: '/tmp/backup' },
    { canceled: true, filePaths: [] },
  ]);
  expect((await app.recorded()).dialogs.map(({ kind }) => kind)).toEqual(['message', 'save', 'open']);
  await app.clickNotification();
  await app.closeNotification();
  await app.clickTray();
  await app.clickTrayItem('Mute');
  await app.clickMenu('File', 'Hide');
  await expect(app.clickTrayItem('Off')).rejects.toThrow("can't be clicked now");
  await expect(app.clickTrayItem('None')).rejects.toThrow("no menu item 'None'");
  await until(
    () => /copied true 3\n.*notified\ntray\nmute true\nclosed/s.test(app.log()) || /closed/.test(app.log()),
  );
  expect((await app.recorded()).windows[0]).toMatchObject({ visible: false, focused: false });
  await app.clickTrayItem('Quit');
  expect(await app.exited).toBe(0);
});

test('a window is shown, hidden, focused, moved and titled, and its page knows what it can', async () => {
  const app = await launch(({ app, BrowserWindow, ipcMain }, { open, print }) => {
    void app.whenReady().then(() => {
      const window = open({ width: 500, height: 400, show: false });
      for (const event of [
        'show',
        'hide',
        'focus',
        'blur',
        'resize',
        'move',
        'minimize',
        'restore',
        'ready-to-show',
      ])
        window.on(event as 'show', () => print(event));
      window.once('ready-to-show', () => window.show());
      window.on('page-title-updated', (event, title) => (print('title', title), event.preventDefault()));
      ipcMain.handle('do', (_event, method: 'hide', ...args: []) => window[method](...args));
      ipcMain.handle('focused', () => BrowserWindow.getFocusedWindow() === window);
    });
  });
  const state = `document.visibilityState + ' ' + document.hasFocus()`;
  const act = (method: string, ...args: unknown[]): Promise<unknown> =>
    app.page.evaluate(`bridge.invoke('do', ...${JSON.stringify([method, ...args])})`);
  const settled = (wanted: string): Promise<void> =>
    until(async () => (await app.page.evaluate(state)) === wanted);
  await settled('visible true');
  expect(await app.page.evaluate('[innerWidth, innerHeight]')).toEqual([500, 400]);
  expect(await app.page.evaluate(`bridge.invoke('focused')`)).toBe(true);
  await act('hide');
  await settled('hidden false');
  await act('show');
  await settled('visible true');
  await app.focusWindow(false);
  expect((await app.recorded()).windows[0]).toMatchObject({ visible: true, focused: false });
  await settled('visible false');
  await app.focusWindow(true);
  await settled('visible true');
  await act('minimize');
  await settled('hidden false');
  await act('restore');
  await settled('visible true');
  await act('setBounds', { x: 5, width: 600 });
  await until(async () => (await app.page.evaluate('innerWidth')) === 600);
  expect(await act('getBounds')).toEqual({ x: 5, y: 100, width: 600, height: 400 });
  await app.page.evaluate(`document.title = 'three unread'`);
  await until(() => app.log().includes('title three unread'));
  expect(await act('getTitle')).toBe('Electron');
  expect(
    app
      .log()
      .split('\n')
      .filter((line) => !line.startsWith('title')),
  ).toEqual([
    ...['ready-to-show', 'show', 'focus', 'hide', 'blur', 'show', 'focus', 'blur', 'focus'],
    ...['minimize', 'blur', 'restore', 'focus', 'move', 'resize', ''],
  ]);
});

test('a right click opens the menu that main makes, and its roles act on the page', async () => {
  const html = `<textarea>some text</textarea><p>words</p><div id="own" oncontextmenu="return false">own</div>`;
  const app = await launch(
    ({ app, Menu }, { open }) => {
      void app.whenReady().then(() => {
        open().webContents.on('context-menu', (_event, { isEditable, editFlags }) => {
          if (!isEditable) return;
          Menu.buildFromTemplate([
            { role: 'selectAll' },
            { role: 'copy', enabled: editFlags.canCopy },
            { role: 'paste', enabled: editFlags.canPaste },
          ]).popup();
        });
      });
    },
    { html },
  );
  const { page } = app;
  await page.click('p', { button: 'right' });
  await page.click('#own', { button: 'right' });
  expect((await app.recorded()).contextMenu).toEqual([]);
  await page.click('textarea', { button: 'right' });
  await until(async () => (await app.recorded()).contextMenu.length === 3);
  expect((await app.recorded()).contextMenu[1]).toMatchObject({ label: 'copy', enabled: false });
  const selection = 'document.activeElement.selectionEnd - document.activeElement.selectionStart';
  await app.clickContextMenu('selectAll');
  await until(async () => (await page.evaluate(selection)) === 9);
});

test('a page whose process is gone can be loaded again', async () => {
  const app = await launch(({ app }, { open, print }) => {
    void app.whenReady().then(() => {
      const window = open();
      window.webContents.on('render-process-gone', (_event, { reason }) => {
        print('gone', reason);
        void window.loadURL('app://fixture/again').then(() => print('loaded', window.webContents.getURL()));
      });
    });
  });
  await app.crashPage();
  await until(() => app.log().includes('loaded app://fixture/again'));
  expect(app.log()).toContain('gone crashed');
});

test('the colours of the system, and those that main chooses, reach the page', async () => {
  const app = await launch(
    ({ app, nativeTheme, powerMonitor }, { open, print }) => {
      nativeTheme.on('updated', () => print('updated', nativeTheme.shouldUseDarkColors));
      powerMonitor.on('suspend', () => (nativeTheme.themeSource = 'dark'));
      powerMonitor.on('resume', () => (nativeTheme.themeSource = 'system'));
      void app.whenReady().then(() => open());
    },
    { colorScheme: 'dark' },
  );
  const dark = (wanted: boolean): Promise<void> =>
    until(
      async () => (await app.page.evaluate(`matchMedia('(prefers-color-scheme: dark)').matches`)) === wanted,
    );
  await dark(true);
  await app.systemTheme('light');
  await dark(false);
  await app.suspend();
  await dark(true);
  await app.resume();
  await dark(false);
  expect(app.log().trim().split('\n')).toEqual(['updated false', 'updated true', 'updated false']);
});

test('a utility process is a real one, with a parent port', async () => {
  const app = await launch(
    ({ app, utilityProcess }, { print }) => {
      void app.whenReady().then(() => {
        const child = utilityProcess.fork(process.env.FIXTURE_UTILITY!, ['a', 'b'], {
          stdio: 'pipe',
          serviceName: 'Relay',
        });
        child.on('spawn', () => print('spawned', child.pid !== process.pid && typeof child.pid));
        child.stdout!.on('data', (text: Buffer) => print('stdout', String(text).trim()));
        child.on('message', (message: unknown) => (print(message), child.kill()));
        child.on('exit', (code) => (print('exit', code, child.pid !== undefined), app.quit()));
        child.postMessage({ ping: new Map([[1, 2n]]) });
        try {
          child.postMessage(() => {});
        } catch (error) {
          print(String(error));
        }
      });
    },
    { window: false, env: { FIXTURE_UTILITY: join(import.meta.dirname, 'fixtures', 'utility.ts') } },
  );
  expect(await app.exited).toBe(0);
  expect(app.log()).toContain('Error: An object could not be cloned.');
  expect(app.log()).toContain('stdout utility a,b');
  expect(app.log()).toContain('{ pong: Map(1) { 1 => 2n } }');
  expect(app.log()).toContain('exit 15 true');
});
