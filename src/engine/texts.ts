/** Texts by small numbers, as long as they are used: a million rules have a handful of origins. */
export class Texts {
  readonly #texts: string[] = [];
  /** How often the text of each number is used. */
  readonly #uses: number[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #free: number[] = [];

  /** The number of a text, which is used once more from now on. */
  use(text: string): number {
    const known = this.#numbers.get(text);
    const number = known ?? this.#free.pop() ?? this.#texts.length;
    if (known === undefined) {
      this.#texts[number] = text;
      this.#uses[number] = 0;
      this.#numbers.set(text, number);
    }
    this.#uses[number] = (this.#uses[number] ?? 0) + 1;
    return number;
  }

  /** Notes that the text of the number is used once less. The number of one that nobody uses is given to another. */
  release(number: number): void {
    const uses = (this.#uses[number] ?? 0) - 1;
    this.#uses[number] = uses;
    if (uses > 0) return;
    this.#numbers.delete(this.at(number));
    this.#texts[number] = '';
    this.#free.push(number);
  }

  /** The number of a text; -1 when it isn't used. */
  find(text: string): number {
    return this.#numbers.get(text) ?? -1;
  }

  /** All numbers are less than this. */
  get numbers(): number {
    return this.#texts.length;
  }

  /** The text of a number that is in use. */
  at(number: number): string {
    return this.#texts[number] ?? '';
  }

  state(): TextsState {
    return { texts: [...this.#texts], uses: [...this.#uses] };
  }

  /** Takes over what `state` gave. */
  static from({ texts, uses }: TextsState): Texts {
    const restored = new Texts();
    for (const [number, text] of texts.entries()) {
      restored.#texts[number] = text;
      restored.#uses[number] = uses[number] ?? 0;
      if (restored.#uses[number] === 0) restored.#free.push(number);
      else restored.#numbers.set(text, number);
    }
    return restored;
  }
}

/** Texts as plain values. */
export interface TextsState {
  readonly texts: readonly string[];
  readonly uses: readonly number[];
}
