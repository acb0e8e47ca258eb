/** Where inside a message something is wrong, outermost name first: `['expressions', '[1]', 'data', 'len']`. */
type Path = readonly string[];

function phrase(path: Path, what: string): string {
  return path.length === 0 ? what : `${path.join('.').replaceAll('.[', '[')}: ${what}`;
}

/** The bytes aren't what they should be. The only thing that decoding throws, whatever the bytes. */
export class DecodeError extends Error {
  readonly what: string;
  readonly path: Path;

  constructor(what: string, path: Path = []) {
    super(phrase(path, what));
    this.name = 'DecodeError';
    this.what = what;
    this.path = path;
  }

  /** The same error, told from one level further out. */
  within(name: string): DecodeError {
    return new DecodeError(this.what, [name, ...this.path]);
  }
}

/** The value doesn't fit on the wire: out of range for its codec, or longer than an attribute can say. */
export class EncodeError extends RangeError {
  readonly what: string;
  readonly path: Path;

  constructor(what: string, path: Path = []) {
    super(phrase(path, what));
    this.name = 'EncodeError';
    this.what = what;
    this.path = path;
  }

  within(name: string): EncodeError {
    return new EncodeError(this.what, [name, ...this.path]);
  }
}

/** The error as one level of a codec further out tells it, for `throw`; what isn't about the bytes stays as it is. */
export function within(name: string, error: unknown): unknown {
  return error instanceof DecodeError || error instanceof EncodeError ? error.within(name) : error;
}
