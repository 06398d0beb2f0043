// How long the event loop stands still, and how much of that is the doing of its own thread.
export type Standstill = {
  /** Milliseconds between two turns at most, less the probe's own pause. */
  longest: number;
  /** Milliseconds of processor time that this thread took between two turns at most: without what other programs took. */
  own: number;
};

const PROBE_MS = 1;

/** Watches the event loop until it is told to stop. */
export function watchEventLoop(): () => Standstill {
  const cpu = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let longest = 0;
  let own = 0;
  let [lastTurn, lastCpu] = [performance.now(), cpu()];
  const look = (): void => {
    const [turn, spent] = [performance.now(), cpu()];
    longest = Math.max(longest, turn - lastTurn - PROBE_MS);
    own = Math.max(own, spent - lastCpu);
    [lastTurn, lastCpu] = [turn, spent];
  };
  const timer = setInterval(look, PROBE_MS);
  return () => {
    clearInterval(timer);
    look();
    return { longest, own };
  };
}
