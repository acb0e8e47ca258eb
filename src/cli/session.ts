import { Api } from './api.ts';
import type { AskPerson } from './ask.ts';
import { Connection } from './connection.ts';
import { asFailure, combinedExit, type ExitCode, exitCodes, type Failure, usageFailure } from './failure.ts';
import type { Output } from './output/output.ts';
import type { Target } from './target/endpoint.ts';
import type { TargetOptions } from './target/targets.ts';

/** How long somebody has to type a password, in milliseconds. */
const passwordPatience = 120_000;

/** How the daemons are asked. */
export interface SessionOptions {
  /** Whom to ask: looked up when it is needed. @throws Failure `usage` */
  readonly targets: () => readonly Target[];
  readonly output: Output;
  /** How many daemons are asked at once. */
  readonly parallel: number;
  /** How often a request is sent again that got no answer, or was told to come later. */
  readonly retries: number;
  /** Milliseconds without a byte after which a daemon counts as gone. */
  readonly patience: number;
  /** What is asked of every change. */
  readonly dryRun: boolean;
  /** Within how long changes are to be confirmed: `2m`. */
  readonly confirm: string | undefined;
  readonly ask: AskPerson;
  /** What the command line says about whom to ask. */
  readonly given: TargetOptions;
  readonly env: NodeJS.ProcessEnv;
}

/** What a command has found or done at one daemon. */
export interface Outcome {
  readonly exit: ExitCode;
  /** For programs. */
  readonly value: unknown;
  /** For people: data, with the ends of its lines. */
  readonly text: string;
}

/** A change that is undone unless it is confirmed. */
export interface Waiting {
  readonly target: Target;
  readonly confirmation: string;
}

/** The outcome of a change, which is told line by line to people who want to hear it. */
export function outcomeOf({ output }: Session, value: unknown, lines: readonly string[]): Outcome {
  return { exit: exitCodes.done, value, text: output.quiet ? '' : lines.map((line) => `${line}\n`).join('') };
}

interface HostResult {
  readonly target: Target;
  readonly outcome?: Outcome;
  readonly failure?: Failure;
}

/** One run of a command: with whom it speaks, and how it answers. */
export class Session {
  readonly output: Output;
  readonly dryRun: boolean;
  readonly confirm: string | undefined;
  /** Asks whoever sits at the terminal. */
  readonly ask: AskPerson;
  /** What the command line says about whom to ask. */
  readonly given: TargetOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly #options: SessionOptions;
  readonly #waiting: Waiting[] = [];
  #targets: readonly Target[] | undefined;
  #password: Promise<string | undefined> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.output = options.output;
    this.dryRun = options.dryRun;
    this.confirm = options.confirm;
    this.ask = options.ask;
    this.given = options.given;
    this.env = options.env;
  }

  get targets(): readonly Target[] {
    this.#targets ??= this.#options.targets();
    return this.#targets;
  }

  /** Milliseconds without a byte after which a daemon counts as gone. */
  get patience(): number {
    return this.#options.patience;
  }

  /** What the routes of changes are asked with, beside the rest. */
  get mutation(): { readonly dryRun?: boolean; readonly confirm?: string } {
    return { ...(this.dryRun && { dryRun: true }), ...(this.confirm !== undefined && { confirm: this.confirm }) };
  }

  /** Notes a change that is undone unless it is confirmed. */
  toConfirm(target: Target, confirmation: string): void {
    this.#waiting.push({ target, confirmation });
  }

  /** The changes that are undone unless they are confirmed. */
  get waiting(): readonly Waiting[] {
    return this.#waiting;
  }

  /** The daemon, when there is one. @throws Failure `usage` when there are several */
  get single(): Target {
    const [target, another] = this.targets;
    if (target !== undefined && another === undefined) return target;
    throw usageFailure(`This asks one host, and ${this.targets.length} are named`);
  }

  /** The target with the password of its user, for which somebody is asked once. @throws Failure `usage` when nobody is there */
  async #withPassword(target: Target): Promise<Target> {
    const { user, password, token } = target.credentials;
    if (user === undefined || password !== undefined || token !== undefined) return target;
    this.#password ??= this.ask({ text: `Password of ${user}: `, patience: passwordPatience, secret: true });
    const typed = await this.#password;
    if (typed === undefined)
      throw usageFailure(`The password of ${user} is missing: set RFW_PASSWORD, or make a context (rfwc context set)`);
    return { ...target, credentials: { ...target.credentials, password: typed } };
  }

  /** Has work done with an API, whose connections are then let go. */
  async with<T>(target: Target, work: (api: Api) => Promise<T>): Promise<T> {
    const connection = new Connection(await this.#withPassword(target), this.#options.patience);
    const api = new Api(connection, this.#options.retries);
    try {
      return await work(api);
    } finally {
      api.close();
    }
  }

  /**
   * Has work done at each daemon, some at a time, and writes what came of it: of one daemon that alone, of several a line or more
   * each, and how many there were.
   */
  async each(work: (api: Api, target: Target) => Promise<Outcome>): Promise<ExitCode> {
    const [only, another] = this.targets;
    if (only !== undefined && another === undefined) {
      const outcome = await this.with(only, (api) => work(api, only));
      this.#write(outcome);
      return outcome.exit;
    }
    const results: HostResult[] = [];
    const waiting = [...this.targets];
    const worker = async (): Promise<void> => {
      for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
        const result = await this.#attempt(target, work);
        results.push(result);
        this.#tell(result, results.length);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#options.parallel, this.targets.length) }, worker));
    return this.#sumUp(results);
  }

  async #attempt(target: Target, work: (api: Api, target: Target) => Promise<Outcome>): Promise<HostResult> {
    try {
      return { target, outcome: await this.with(target, (api) => work(api, target)) };
    } catch (error) {
      return { target, failure: asFailure(error) };
    }
  }

  #write({ value, text }: Outcome): void {
    if (!this.output.isJson) this.output.data(text);
    else if (Array.isArray(value)) this.output.items(value);
    else this.output.json(value);
  }

  /** Writes what came of one of several daemons, as it comes. */
  #tell(result: HostResult, count: number): void {
    const { output } = this;
    const { target, outcome, failure } = result;
    if (output.isLive) output.live('\r\u001b[K');
    if (output.format === 'ndjson') output.json(resultJson(result));
    // What the network says names the host already.
    const named = failure?.message.startsWith(target.name) ? '' : `${output.messageStyle.bold(target.name)}: `;
    if (failure !== undefined) output.error(named + failure.message);
    else if (!output.isJson && outcome !== undefined)
      output.data(prefixed(output.style.bold(target.name), outcome.text));
    if (output.isLive && count < this.targets.length) output.live(`${count} of ${this.targets.length} hosts`);
  }

  #sumUp(results: readonly HostResult[]): ExitCode {
    const { output, targets } = this;
    const order = new Map(targets.map((target, at) => [target, at]));
    const sorted = [...results].sort((a, b) => (order.get(a.target) ?? 0) - (order.get(b.target) ?? 0));
    if (output.format === 'json') output.json(sorted.map(resultJson));
    const failed = results.filter(({ failure }) => failure !== undefined).length;
    output.note(
      `${results.length - failed} of ${results.length} hosts answered${failed === 0 ? '' : `, ${failed} failed`}`,
    );
    return combinedExit(results.map(({ outcome, failure }) => outcome?.exit ?? failure?.exit ?? exitCodes.done));
  }
}

function resultJson({ target, outcome, failure }: HostResult): unknown {
  const host = target.name;
  if (failure === undefined) return { host, exit: outcome?.exit, result: outcome?.value };
  return { host, exit: failure.exit, error: { code: failure.code ?? null, message: failure.message } };
}

/** The name before a single line, or above several. */
function prefixed(name: string, text: string): string {
  const lines = text.trimEnd().split('\n');
  return lines.length === 1 ? `${name}  ${lines[0]}\n` : `${name}\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}
