// nativeTheme: the system's colours, which a test can change, and the app's own choice over them.
import type * as Electron from 'electron';
import { Emitter, guardClass, type Mirror } from './guard.ts';
import { settings } from './settings.ts';

let system = settings.colorScheme ?? 'light';
let source: Electron.NativeTheme['themeSource'] = 'system';

class NativeTheme extends Emitter {
  /** "A `boolean` for if the OS / Chromium currently has a dark mode enabled or is being instructed to show a
   * dark-style UI." */
  get shouldUseDarkColors(): boolean {
    return (source === 'system' ? system : source) === 'dark';
  }

  get themeSource(): typeof source {
    return source;
  }

  set themeSource(chosen) {
    source = chosen;
    this.emit('updated');
  }
}

guardClass('nativeTheme', NativeTheme satisfies Mirror<NativeTheme, Electron.NativeTheme>);
export const nativeTheme = new NativeTheme('nativeTheme', ['updated']);

export function setSystemTheme(theme: 'light' | 'dark'): void {
  system = theme;
  nativeTheme.emit('updated');
}
