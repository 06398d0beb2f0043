// A few SVG shapes, for figures that stay readable on a light and on a dark page: each brings its own background.

export type Colour = 'plain' | 'public' | 'private' | 'sealed';
type Point = [x: number, y: number];

const WIDTH = 760;
/** Fill and border of each kind of box, on a light and on a dark page. */
const colours: Record<Colour, { light: [string, string]; dark: [string, string] }> = {
  plain: { light: ['#ffffff', '#8a8781'], dark: ['#2a2d31', '#8f949b'] },
  public: { light: ['#d9f0e3', '#2c7a4f'], dark: ['#17382a', '#6fcf97'] },
  private: { light: ['#f9dcd6', '#a63a2a'], dark: ['#47211b', '#f08a78'] },
  sealed: { light: ['#dfe6f7', '#3b5ba5'], dark: ['#1e2b4a', '#8fb0f5'] },
};

const rules = (mode: 'light' | 'dark'): string =>
  [
    ...Object.entries(colours).map(
      ([name, { [mode]: pair }]) => `.${name}{fill:${pair[0]};stroke:${pair[1]}}`,
    ),
    mode === 'light'
      ? '.card{fill:#faf9f6}text{fill:#1d1c1a}.note{fill:#5c5a55}.line{stroke:#5c5a55}.head{fill:#5c5a55}'
      : '.card{fill:#17181a}text{fill:#ececea}.note{fill:#aeb3ba}.line{stroke:#aeb3ba}.head{fill:#aeb3ba}',
  ].join('');

const style = [
  "text{font:14px system-ui,'Segoe UI','DejaVu Sans',sans-serif;text-anchor:middle}",
  '.small{font-size:12px}.left{text-anchor:start}.line{fill:none;stroke-width:1.5}.box{stroke-width:1.5}',
  rules('light'),
  `@media(prefers-color-scheme:dark){${rules('dark')}}`,
].join('');

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function text([x, y]: Point, words: string, classes = ''): string {
  return `<text x="${x}" y="${y}"${classes && ` class="${classes}"`}>${escape(words)}</text>`;
}

/** A box with a line of text, and smaller ones below it. */
export function box(
  [x, y]: Point,
  [width, height]: Point,
  colour: Colour,
  [first = '', ...rest]: string[],
): string {
  const top = y + height / 2 + 5 - rest.length * 8;
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" class="box ${colour}"/>`,
    text([x + width / 2, top], first),
    ...rest.map((line, i) => text([x + width / 2, top + 17 * (i + 1)], line, 'small note')),
  ].join('\n');
}

/** A line through these points, with a head at its end. */
export const arrow = (...points: Point[]): string =>
  `<polyline points="${points.join(' ')}" class="line" marker-end="url(#head)"/>`;
export const line = (...points: Point[]): string => `<polyline points="${points.join(' ')}" class="line"/>`;

/** @param title what a screen reader says */
export function figure(title: string, height: number, shapes: string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<style>${style}</style>`,
    '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">' +
      '<path d="M0 0L10 5L0 10z" class="head"/></marker></defs>',
    `<rect width="${WIDTH}" height="${height}" rx="10" class="card"/>`,
    ...shapes,
    '</svg>\n',
  ].join('\n');
}
