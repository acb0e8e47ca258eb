/** Text as roff takes it: a letter that it would act on stands for itself. (groff_char(7)) */
export function escaped(text: string): string {
  return text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}

/** Writes a manual page in the macros of man(7). */
export class Page {
  readonly #lines: string[] = [];

  /** @param section of the manual: 1 commands, 5 files, 8 administration */
  constructor(name: string, section: number, version: string) {
    this.#lines.push(`.TH ${name.toUpperCase()} ${section} "" "rfw ${version}" "rfw"`);
  }

  section(title: string): this {
    this.#lines.push(`.SH ${title}`);
    return this;
  }

  subsection(title: string): this {
    this.#lines.push(`.SS ${escaped(title)}`);
    return this;
  }

  /** A paragraph. */
  paragraph(text: string): this {
    this.#lines.push('.PP', escaped(text));
    return this;
  }

  /** A line in bold, which is not filled. */
  synopsis(text: string): this {
    this.#lines.push('.PP', `\\fB${escaped(text)}\\fR`);
    return this;
  }

  /** A term, and below it what it means. */
  entry(term: string, meaning: string): this {
    this.#lines.push('.TP', `\\fB${escaped(term)}\\fR`, escaped(meaning));
    return this;
  }

  /** Lines that stay as they are. */
  example(text: string): this {
    this.#lines.push('.PP', '.RS 4', '.nf', escaped(text), '.fi', '.RE');
    return this;
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}
