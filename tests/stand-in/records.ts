// What would have reached the desktop, kept for the tests.

export const records = {
  refusedRequests: [] as string[],
  openedUrls: [] as string[],
  shownItems: [] as string[],
  /** `modal`: of a window. */
  dialogs: [] as { kind: string; options: unknown; modal: boolean }[],
  clipboard: '',
  badge: 0,
  devTools: 0,
  sandboxEnabled: false,
  relaunches: 0,
  loginItem: {} as object,
  protocolClients: [] as string[],
  switches: [] as string[],
  /** Process ids of the utility processes that run, the oldest first. */
  utilities: [] as number[],
};
