// The calls between the window and the main process: who may call, with what, and how failures cross. The only file
// that touches ipcMain.
import { ipcMain, type IpcMainInvokeEvent, type WebContents } from 'electron';
import * as z from 'zod/mini';
import {
  asData,
  type CallName,
  calls,
  type EventName,
  type InputOf,
  type OutputOf,
  type Result,
  type ValueOf,
} from '../preload/contract.ts';
import { Failure } from '../protocol/failures.ts';
import { PAGE_ORIGIN } from './page.ts';

export type Handlers = {
  [Name in CallName]: (input: InputOf<Name>) => OutputOf<Name> | Promise<OutputOf<Name>>;
};
export type Tell = <Name extends EventName>(name: Name, value: ValueOf<Name>) => void;

/** Answers every call of the contract. @param owner the window's contents, the only ones that may call */
export function serve(owner: () => WebContents | undefined, handlers: Handlers): void {
  for (const name of Object.keys(calls) as CallName[]) {
    ipcMain.handle(name, async (event, input: unknown): Promise<Result<unknown>> => {
      try {
        assertOwnPage(event, owner());
        return { ok: true, value: await answer(handlers, name, input) };
      } catch (error) {
        const failure = Failure.from(error);
        if (failure.code === 'internal') console.error(`"${name}" failed:`, failure.cause);
        return { ok: false, failure: asData(failure) };
      }
    });
  }
}

/** Tells the window; what happens while there is none, it learns from its next snapshot. */
export function teller(owner: () => WebContents | undefined): Tell {
  return (name, value) => {
    const contents = owner();
    if (contents && !contents.isDestroyed()) contents.send(name, value);
  };
}

function answer<Name extends CallName>(handlers: Handlers, name: Name, input: unknown): unknown {
  const parsed = z.safeParse(calls[name].input, input);
  if (parsed.success) return handlers[name](parsed.data as InputOf<Name>);
  throw new Failure('command-invalid', "Signet's window asked for something in a form that is not known.");
}

/** Only the page that Signet itself has loaded, in the window's main frame. A frame that is gone is null. */
function assertOwnPage({ sender, senderFrame }: IpcMainInvokeEvent, owner: WebContents | undefined): void {
  const isOwn = owner && sender === owner && senderFrame && senderFrame === owner.mainFrame;
  if (isOwn && senderFrame.url.startsWith(`${PAGE_ORIGIN}/`)) return;
  throw new Failure('command-invalid', 'Only the window of Signet itself may ask for this.');
}
