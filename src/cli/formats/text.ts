import { type Item, type Line, looksLikeAddress, unreadable } from './item.ts';

/** One address, network or range a line; `#` and `;` begin a comment. Also what is called netset. */
export async function* readPlain(lines: AsyncIterable<Line>): AsyncGenerator<Item> {
  for await (const { number, text } of lines) {
    const address = text.replace(/[#;].*/s, '').trim();
    if (address === '') continue;
    yield looksLikeAddress(address) ? { line: number, address } : unreadable(number, address, 'an address');
  }
}

/** What `ipset save` writes: the lines `add SET ADDRESS [timeout SECONDS] …`. Others make sets, and name nothing. */
export async function* readIpset(lines: AsyncIterable<Line>): AsyncGenerator<Item> {
  for await (const { number, text } of lines) {
    const [command, , address = '', ...options] = text.trim().split(/\s+/);
    if (command === '' || command === undefined || command.startsWith('#') || command === 'create') continue;
    // A timeout of 0 is none.
    const timeout = Number(options[options.indexOf('timeout') + 1]);
    const seconds = options.includes('timeout') && timeout > 0 ? { seconds: timeout } : {};
    if (command === 'add' && looksLikeAddress(address)) yield { line: number, address, ...seconds };
    else yield unreadable(number, text.trim(), 'a line "add SET ADDRESS" with an address');
  }
}

/** Where the elements of a set begin, in what nft writes and reads. */
const opening = /(?:\belements\s*=\s*|\badd\s+element\s[^{}]*)\{/;

/** The elements of sets as `nft list` writes them, with `timeout` and `expires`: what is inside of `elements = { … }`. */
export async function* readNft(lines: AsyncIterable<Line>): AsyncGenerator<Item> {
  let inside = false;
  for await (const { number, text } of lines) {
    let rest = text.replace(/#.*/, '');
    while (rest !== '') {
      if (!inside) {
        const begin = opening.exec(rest);
        if (begin === null) break;
        rest = rest.slice(begin.index + begin[0].length);
        inside = true;
      }
      const end = rest.indexOf('}');
      const elements = end < 0 ? rest : rest.slice(0, end);
      for (const element of elements.split(',')) if (element.trim() !== '') yield elementOf(number, element.trim());
      inside = end < 0;
      rest = end < 0 ? '' : rest.slice(end + 1);
    }
  }
}

function elementOf(line: number, text: string): Item {
  const [address = '', ...options] = text.split(/\s+/);
  if (!looksLikeAddress(address)) return unreadable(line, text, 'an element with an address');
  // What is left counts, and a timeout alone is what a new one has.
  const left = options[options.indexOf('expires') + 1];
  const whole = options[options.indexOf('timeout') + 1];
  const seconds = nftSeconds((options.includes('expires') ? left : options.includes('timeout') ? whole : '') ?? '');
  return seconds > 0 ? { line, address, seconds } : { line, address };
}

const unitSeconds: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1, ms: 0.001 };

/** A time as nft writes it, `1h4m2s500ms`, in whole seconds, at least one of what isn't nothing. */
function nftSeconds(text: string): number {
  let seconds = 0;
  for (const [, count, unit = ''] of text.matchAll(/(\d+)(ms|[dhms])/g))
    seconds += Number(count) * (unitSeconds[unit] ?? 0);
  return Math.ceil(seconds);
}
