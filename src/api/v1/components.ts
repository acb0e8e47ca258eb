import type { TSchema } from 'typebox';

/** Where OpenAPI has the schemas that have a name. */
const place = '#/components/schemas/';

/** Collects the schemas that have a name, each once, while those that use them are written down. */
export class SchemaBook {
  readonly #entries = new Map<string, { readonly source: string; readonly schema: unknown }>();

  /**
   * A schema as OpenAPI 3.1 has it: where one with a name (`$id`) is used there is a reference.
   * @throws Error when two schemas that differ have one name
   */
  enter(schema: TSchema): unknown {
    if (!('$id' in schema) || typeof schema.$id !== 'string') return this.#plain(schema);
    const name = schema.$id;
    const source = JSON.stringify(schema);
    const before = this.#entries.get(name);
    if (before !== undefined && before.source !== source) throw new Error(`Two schemas have the name ${name}`);
    if (before === undefined) {
      // Before its parts, so that the order is that of the first use.
      this.#entries.set(name, { source, schema: undefined });
      this.#entries.set(name, { source, schema: this.#plain(schema) });
    }
    return { $ref: `${place}${name}` };
  }

  /** The schemas that have a name, by that. */
  components(): Record<string, unknown> {
    return Object.fromEntries([...this.#entries].map(([name, { schema }]) => [name, schema]));
  }

  #plain(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#part(item));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).filter(([key]) => key !== '$id');
    return Object.fromEntries(entries.map(([key, part]) => [key, this.#part(part)]));
  }

  #part(value: unknown): unknown {
    const isNamed = typeof value === 'object' && value !== null && '$id' in value;
    return isNamed ? this.enter(value as TSchema) : this.#plain(value);
  }
}
