// Renders build/icons/icon.svg to every picture that the app and its packages take: node build/icons.mjs.
// Needs Debian's chromium; the pictures are kept with the sources, so that building the app doesn't.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const folder = join(import.meta.dirname, 'icons');
const icon = readFileSync(join(folder, 'icon.svg'), 'utf8');
const within = (viewBox, svg) => svg.replace('viewBox="0 0 512 512"', `viewBox="${viewBox}"`);
const styled = (rules, svg) => svg.replace('</style>', `${rules}</style>`);

/** Apple's grid: the rounded square takes 824 of 1024, the rest is left clear. */
const mac = within('-62 -62 636 636', icon);
/** A template image of macOS is black and clear; the menu bar gives it its colour. */
const template = styled(
  '.ground { display: none } .ring { fill: #000 } .ring path { stroke: #000 }',
  within('50 54 412 412', icon),
);
const dot = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <circle cx="16" cy="16" r="13.5" fill="#a63a2b" stroke="#fff" stroke-width="3" /></svg>`;

const pictures = [
  ...[16, 24, 32, 48, 64, 96, 128, 256, 512, 1024].map((size) => [`${size}x${size}.png`, icon, size]),
  ['icon.png', icon, 512],
  ['mac.png', mac, 1024],
  ['tray.png', icon, 32],
  ['tray@2x.png', icon, 64],
  ['trayTemplate.png', template, 16],
  ['trayTemplate@2x.png', template, 32],
  ['unread.png', dot, 32],
];

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  chromiumSandbox: false,
  args: ['--disable-gpu'],
});
const page = await browser.newPage();
for (const [name, svg, size] of pictures) {
  await page.setViewportSize({ width: size, height: size });
  const address = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
  await page.setContent(
    `<body style="margin: 0"><img style="display: block" width="${size}" height="${size}" src="${address}">`,
  );
  writeFileSync(join(folder, name), await page.screenshot({ omitBackground: true }));
}
await browser.close();
console.log(`${pictures.length} pictures are in build/icons.`);
