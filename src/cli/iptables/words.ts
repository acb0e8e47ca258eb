import { usageFailure } from '../failure.ts';

/**
 * The words of a line, as a shell and iptables-restore part it: blanks between them, quotes around some, `\` before a letter that is meant
 * as it is. Nothing is replaced.
 * @throws Failure `usage` for a quote that has no end
 */
export function wordsOfLine(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const letter = line[at] ?? '';
    if (quote === "'" && letter !== "'") word += letter;
    else if (letter === '\\' && at + 1 < line.length) word = (word ?? '') + line[++at];
    else if (quote === '' && (letter === '"' || letter === "'")) {
      quote = letter;
      word ??= '';
    } else if (letter === quote) quote = '';
    else if (quote === '' && /\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + letter;
  }
  if (quote !== '') throw usageFailure(`A quote has no end: ${line}`);
  return word === undefined ? words : [...words, word];
}
