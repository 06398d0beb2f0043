// QR codes: drawn as a path, as a picture to save, and read out of a picture.
import encodeQR from 'qr';
import decodeQR from 'qr/decode.js';

/** Modules of white around the code (ISO/IEC 18004, 9.1: four). */
const QUIET = 4;
/** Pixels a module in a saved picture. */
const SCALE = 8;
/** A photograph is made smaller first: the code in it stays legible. */
const MAX_PIXELS = 1600;

/** Rows of modules, true for a dark one, the quiet zone included. */
const modules = (text: string): boolean[][] => encodeQR(text, 'raw', { ecc: 'medium', border: QUIET });

/** @returns an SVG path of one unit a module, and how many units it is wide */
export function qrPath(text: string): { path: string; size: number } {
  const rows = modules(text);
  const path = rows
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')))
    .join('');
  return { path, size: rows.length };
}

/** @returns the code as a PNG */
export async function qrPng(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const rows = modules(text);
  const canvas = new OffscreenCanvas(rows.length * SCALE, rows.length * SCALE);
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#000';
  rows.forEach((row, y) =>
    row.forEach((isDark, x) => isDark && context.fillRect(x * SCALE, y * SCALE, SCALE, SCALE)),
  );
  const blob = await canvas.convertToBlob({ type: 'image/png' });
  return new Uint8Array(await blob.arrayBuffer());
}

/** @returns the text of the code in a picture; undefined if none is found, or it is no picture */
export async function readQr(file: Blob): Promise<string | undefined> {
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, MAX_PIXELS / Math.max(picture.width, picture.height));
    const canvas = new OffscreenCanvas(Math.ceil(picture.width * scale), Math.ceil(picture.height * scale));
    const context = canvas.getContext('2d')!;
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    return decodeQR({ data, width, height });
  } catch {
    // Nothing to read is what is to be told, however it comes to that.
    return undefined;
  }
}
