import type { Output } from './output.ts';
import { formatSeconds } from './time.ts';

/** Milliseconds between two drawings. */
const interval = 100;

/** Letters of the bar. */
const barWidth = 24;

/** A line that says how far something is, on a terminal; elsewhere nothing. */
export class Progress {
  readonly #output: Output;
  readonly #label: string;
  /** How many there will be; undefined where nobody knows. */
  readonly #total: number | undefined;
  readonly #began = performance.now();
  #drawnAt = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(output: Output, label: string, total?: number) {
    this.#output = output;
    this.#label = label;
    this.#total = total;
  }

  /** @param count how many there are by now */
  at(count: number): void {
    const now = performance.now();
    if (!this.#output.isLive || now - this.#drawnAt < interval) return;
    this.#drawnAt = now;
    this.#drawn = true;
    const text = this.#text(count, (now - this.#began) / 1000).slice(0, this.#output.messageWidth - 1);
    this.#output.live(`\r\u001b[K${text}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#drawn) this.#output.live('\r\u001b[K');
    this.#drawn = false;
  }

  #text(count: number, seconds: number): string {
    const speed = seconds > 0 ? count / seconds : 0;
    const pace = `${Math.round(speed).toLocaleString('en')}/s`;
    if (this.#total === undefined) return `${this.#label}  ${count.toLocaleString('en')}  ${pace}`;
    const share = this.#total === 0 ? 1 : Math.min(1, count / this.#total);
    const filled = Math.round(share * barWidth);
    const bar = '━'.repeat(filled) + '─'.repeat(barWidth - filled);
    const left = speed > 0 ? `  ${formatSeconds((this.#total - count) / speed)} left` : '';
    return `${this.#label}  ${bar}  ${Math.floor(100 * share)} %  ${count.toLocaleString('en')} of ${this.#total.toLocaleString('en')}  ${pace}${left}`;
  }
}
