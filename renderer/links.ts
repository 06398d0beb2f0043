// Finds the links in a text: https addresses and mail addresses, and only what leaves no doubt where it leads. What a
// click opens is checked again by the main process, and shown before it is opened.

/** A piece of a text; with `url`, it is a link. */
export type Part = { text: string; url?: string };

const MAX_CHARACTERS = 1024;
/** An https address, or a run around an @. Each run is looked at from its start only: a long one costs no more. */
const CANDIDATES =
  /(?<!\w)https:\/\/[^\s<>"\\]+|(?<![^\s<>"()[\]{},;:\\])[^\s<>"()[\]{},;:\\@]{1,64}@[^\s<>"()[\]{},;:\\]+/giu;
const MAIL_ADDRESS = /^[\w.+-]+@[a-z\d][a-z\d.-]*\.[a-z]{2,}$/i;

/** @returns the text in pieces: together they are exactly the text */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const { 0: candidate, index } of text.matchAll(CANDIDATES)) {
    if (candidate.length > MAX_CHARACTERS) continue;
    const link = withoutSentence(candidate);
    const url = urlOf(link);
    if (url === undefined) continue;
    if (index > end) parts.push({ text: text.slice(end, index) });
    parts.push({ text: link, url });
    end = index + link.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** What ends the sentence isn't the link's, nor a bracket that was opened before it. */
function withoutSentence(candidate: string): string {
  let depth = 0;
  const close = [...candidate].findIndex((character) => {
    if ('([{'.includes(character)) depth++;
    return ')]}'.includes(character) && --depth < 0;
  });
  const inside = close === -1 ? candidate : [...candidate].slice(0, close).join('');
  return inside.replace(/[.,:;!?'*_~…。，、！？；：»”’]+$/u, '');
}

function urlOf(link: string): string | undefined {
  const isMail = !/^https:/i.test(link);
  // Control characters would show another address than the one that is opened; so would a user's name before a host.
  if (/\p{C}/u.test(link) || (isMail && (!MAIL_ADDRESS.test(link) || link.includes('..')))) return undefined;
  const url = URL.parse(isMail ? `mailto:${link}` : link);
  const isPlain = url && (isMail || url.protocol === 'https:') && url.username === '' && url.password === '';
  return isPlain && url.href.length <= MAX_CHARACTERS ? url.href : undefined;
}
