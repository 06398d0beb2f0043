// WebFrameMain: a frame of a page, as main sees who calls.
import type * as Electron from 'electron';
import { guardClass, type Mirror } from './guard.ts';

export class Frame {
  url = '';
  name = '';
  readonly processId = 1;
  readonly routingId: number;
  readonly parent: Frame | null;

  constructor(routingId: number, parent: Frame | null) {
    this.routingId = routingId;
    this.parent = parent;
  }

  get origin(): string {
    const { protocol, host } = new URL(this.url);
    return host ? `${protocol}//${host}` : 'null';
  }

  get top(): Frame {
    return this.parent?.top ?? this;
  }
}

type Mirrored = Mirror<Frame, Electron.WebFrameMain, 'parent' | 'top'>;
guardClass('WebFrameMain', Frame satisfies Mirrored);
