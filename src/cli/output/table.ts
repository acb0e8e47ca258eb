import { stripVTControlCharacters } from 'node:util';

/** A column of a table. */
export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => string;
  /** Numbers stand at the right. */
  readonly right?: boolean;
}

/** How wide text is on a terminal, without what only sets its colour. */
function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Whatever a terminal would act on, as a visible character: names and comments come from others. */
export function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/**
 * Rows under titles, in columns that are as wide as they need to be.
 * @param width of the terminal: what is longer is cut off, with an ellipsis; undefined for no bound
 */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[], width?: number): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => widthOf(line[at] ?? ''))));
  const lines = cells.map((line) => {
    const padded = line.map((cell, at) => {
      const pad = ' '.repeat((widths[at] ?? 0) - widthOf(cell));
      return columns[at]?.right ? pad + cell : cell + pad;
    });
    return cut(padded.join('  ').trimEnd(), width);
  });
  return `${lines.join('\n')}\n`;
}

/** The text in so many columns. A line that is cut loses its colours: half a sequence would colour what follows. */
function cut(line: string, width: number | undefined): string {
  if (width === undefined || widthOf(line) <= width) return line;
  return `${[...stripVTControlCharacters(line)].slice(0, Math.max(0, width - 1)).join('')}…`;
}
