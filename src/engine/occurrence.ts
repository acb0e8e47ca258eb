/** A step of the automaton that hasn't been looked for yet. */
const unknown = 0xffff;

/**
 * Looks for a text while others go by in pieces (Knuth, Morris and Pratt). A state is how much of it the last letters are;
 * the last state is that it was found, and stays.
 */
export class Occurrence {
  readonly #text: string;
  /** For each state the next shorter one that its letters are too. */
  readonly #shorter: Uint16Array;
  /** For each state and octet the state after the octet's digits. */
  readonly #afterOctet: Uint16Array;
  readonly #afterDot: Uint16Array;

  /** @param text not empty, and shorter than 65,535 letters */
  constructor(text: string) {
    this.#text = text;
    this.#shorter = new Uint16Array(text.length + 1);
    this.#afterOctet = new Uint16Array(256 * (text.length + 1)).fill(unknown);
    for (let state = 2, shorter = 0; state <= text.length; state++) {
      while (shorter > 0 && text[state - 1] !== text[shorter]) shorter = this.#shorter[shorter] ?? 0;
      if (text[state - 1] === text[shorter]) shorter++;
      this.#shorter[state] = shorter;
    }
    this.#afterDot = Uint16Array.from(this.#shorter, (_, state) => this.after(state, '.'));
  }

  /** The state in which the text was found. */
  get found(): number {
    return this.#text.length;
  }

  /** The state after some more letters. */
  after(before: number, letters: string): number {
    let state = before;
    for (let at = 0; at < letters.length && state < this.found; at++) {
      while (state > 0 && letters[at] !== this.#text[state]) state = this.#shorter[state] ?? 0;
      if (letters[at] === this.#text[state]) state++;
    }
    return state;
  }

  /** The state after an IPv4 address in its usual form. */
  afterIPv4(before: number, address: number): number {
    let state = this.#octet(before, address >>> 24);
    state = this.#octet(this.#afterDot[state] ?? 0, (address >>> 16) & 255);
    state = this.#octet(this.#afterDot[state] ?? 0, (address >>> 8) & 255);
    return this.#octet(this.#afterDot[state] ?? 0, address & 255);
  }

  #octet(before: number, octet: number): number {
    const at = 256 * before + octet;
    const known = this.#afterOctet[at] ?? unknown;
    if (known !== unknown) return known;
    const state = this.after(before, `${octet}`);
    this.#afterOctet[at] = state;
    return state;
  }
}
