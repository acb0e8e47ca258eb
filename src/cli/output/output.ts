import { type Style, styleOf, wantsColors } from './style.ts';

/** How data is written. */
export const outputFormats = ['table', 'wide', 'json', 'ndjson'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** The part of a stream that is written to. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface OutputOptions {
  readonly format: OutputFormat;
  /** Without messages, and without data that only repeats what was asked. */
  readonly quiet: boolean;
  readonly colors: boolean | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: Sink;
  readonly stderr: Sink;
}

/** Where a command writes: data to standard output, messages to standard error. */
export class Output {
  readonly format: OutputFormat;
  readonly quiet: boolean;
  /** Of data. */
  readonly style: Style;
  /** Of messages. */
  readonly messageStyle: Style;
  readonly #stdout: Sink;
  readonly #stderr: Sink;

  constructor({ format, quiet, colors, env, stdout, stderr }: OutputOptions) {
    this.format = format;
    this.quiet = quiet;
    this.style = styleOf(wantsColors(stdout, env, colors));
    this.messageStyle = styleOf(wantsColors(stderr, env, colors));
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** Whether data is for programs. */
  get isJson(): boolean {
    return this.format === 'json' || this.format === 'ndjson';
  }

  /** The width of the terminal that data goes to; undefined where it goes elsewhere, or is wanted whole. */
  get width(): number | undefined {
    return this.#stdout.isTTY === true && this.format !== 'wide' ? this.#stdout.columns : undefined;
  }

  /** Whether a progress display makes sense: on a terminal that somebody looks at. */
  get isLive(): boolean {
    return this.#stderr.isTTY === true && !this.quiet;
  }

  /** The width of the terminal that messages go to. */
  get messageWidth(): number {
    return this.#stderr.columns ?? 80;
  }

  /** Writes data as it is. */
  data(text: string): void {
    this.#stdout.write(text);
  }

  /** Writes data as JSON: in lines of its own for people, or one line each. */
  json(value: unknown): void {
    this.data(`${this.format === 'json' ? JSON.stringify(value, null, 2) : JSON.stringify(value)}\n`);
  }

  /** Writes items: a JSON array, or a line each. */
  items(values: readonly unknown[]): void {
    if (this.format === 'json') this.json(values);
    else for (const value of values) this.json(value);
  }

  /** Tells people something, unless they want it quiet. */
  note(text: string): void {
    if (!this.quiet) this.#stderr.write(`${text}\n`);
  }

  /** Tells people what went wrong. */
  error(text: string): void {
    this.#stderr.write(`${this.messageStyle.bad('rfwc:')} ${text}\n`);
  }

  /** Writes to the line of a progress display. */
  live(text: string): void {
    this.#stderr.write(text);
  }
}
