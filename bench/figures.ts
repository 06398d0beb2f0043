// What a benchmark hands in, how runs are compared, and how the results are shown.

/** One number that was measured. */
export type Figure = {
  name: string;
  value: number;
  unit: string;
  /** Without one, the figure is there to be compared with earlier runs. */
  target?: { atLeast: number } | { below: number };
  /** What the number came from: counts, spread, the limit it is compared with. */
  detail?: string;
};

export type Benchmark = { title: string; measure: () => Promise<Figure[]> };

/** @param sorted ascending @param share 0 to 1 */
export const percentile = (sorted: ArrayLike<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;

export const median = (values: number[]): number =>
  percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );

/** Milliseconds that some work takes. */
export async function time(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export type Comparison = {
  /** Median milliseconds of a run. */
  ours: number;
  limit: number;
  /** Of the pairs limit / ours: 1 is as fast as the limit. */
  ratio: number;
  lowest: number;
  highest: number;
};

/** Runs two works that should take the same time in pairs, each pair in the other order than the one before, so that
 * what else the computer does meets both alike. */
export async function compare(ours: () => unknown, limit: () => unknown, pairs: number): Promise<Comparison> {
  await ours();
  await limit();
  const runs: { ours: number; limit: number }[] = [];
  for (let i = 0; i < pairs; i++) {
    if (i % 2 === 0) {
      const first = await time(ours);
      runs.push({ ours: first, limit: await time(limit) });
    } else {
      const first = await time(limit);
      runs.push({ limit: first, ours: await time(ours) });
    }
  }
  const ratios = runs.map((run) => run.limit / run.ours).sort((a, b) => a - b);
  return {
    ours: median(runs.map((run) => run.ours)),
    limit: median(runs.map((run) => run.limit)),
    ratio: percentile(ratios, 0.5),
    lowest: ratios[0]!,
    highest: ratios.at(-1)!,
  };
}

/** A throughput and its share of the limit, as two figures. @param count messages in a run */
export function throughput(name: string, count: number, runs: Comparison, atLeast: number): Figure[] {
  const perSecond = (milliseconds: number): number => (count * 1000) / milliseconds;
  const spread = `pairs from ${runs.lowest.toFixed(2)} to ${runs.highest.toFixed(2)}`;
  return [
    {
      name,
      value: perSecond(runs.ours),
      unit: 'messages/s',
      detail: `RSA alone: ${Math.round(perSecond(runs.limit)).toLocaleString('en')}`,
    },
    { name: `${name}, share of RSA alone`, value: runs.ratio, unit: '', target: { atLeast }, detail: spread },
  ];
}

/** @returns whether the figure meets its target; undefined if it has none */
export function isMet({ value, target }: Figure): boolean | undefined {
  if (!target) return undefined;
  return 'below' in target ? value < target.below : value >= target.atLeast;
}

function show(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The figures as lines of text. */
export function toTable(figures: Figure[]): string {
  const rows = figures.map((figure) => {
    const { target } = figure;
    const wanted = !target ? '' : 'below' in target ? `< ${target.below}` : `>= ${target.atLeast}`;
    const met = isMet(figure);
    const verdict = met === undefined ? '' : met ? 'met' : 'NOT met';
    return [figure.name, show(figure.value), figure.unit, wanted, verdict, figure.detail ?? ''];
  });
  const table = [['figure', 'value', 'unit', 'target', '', ''], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const line = (row: string[]): string =>
    row
      .map((cell, i) => (i === 1 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return table.map(line).join('\n');
}
