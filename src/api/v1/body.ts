import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { RequestError } from '../errors.ts';
import { holding } from './body-room.ts';
import { parseJson } from './json.ts';
import { sentence } from './parameters.ts';
import type { BodyDefinition, StreamBody } from './route.ts';
import { checkOf, inBody } from './validation.ts';

/** The most bytes of a body where the route says nothing else. */
export const defaultBodyLimit = 65_536;

/** What came in as a body. */
export type ReadBody = { readonly json: unknown } | StreamBody;

/** Takes the body of a request as the route wants it. @throws RequestError */
export type BodyReader = (request: FastifyRequest, payload: Readable) => Promise<ReadBody | undefined>;

/** The content types that a route takes. */
export function acceptedTypes({ json, streams }: BodyDefinition): string[] {
  return [...(json === undefined ? [] : ['application/json']), ...Object.keys(streams ?? {})];
}

/** How the bodies of a route are read: JSON as a whole, the others as the handler pleases. */
export function bodyReader(definition: BodyDefinition | undefined): BodyReader {
  if (definition === undefined) return refuseBody;
  const plainLimit = definition.limit ?? defaultBodyLimit;
  const accepted = acceptedTypes(definition);
  const check = definition.json === undefined ? undefined : checkOf(definition.json);
  return async (request, payload) => {
    const type = mediaType(request.headers['content-type']);
    if (!accepted.includes(type)) {
      throw new RequestError(
        'content-type-unsupported',
        `${type === '' ? 'The body has no content type' : `The content type ${type} is not taken here`}: send ${accepted.join(' or ')}`,
      );
    }
    const limit = definition.streams?.[type]?.limit ?? plainLimit;
    if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
    const bytes = limited(payload, limit);
    if (type !== 'application/json' || check === undefined) {
      return { type, content: readableOf(bytes) };
    }
    const json = parseJson(Buffer.concat(await collect(limit > defaultBodyLimit ? holding(request, bytes) : bytes)));
    const errors = inBody(check(json));
    if (errors.length > 0) throw new RequestError('request-invalid', sentence('field', errors), errors);
    return { json };
  };
}

/** A stream that can be destroyed at once: one of Readable.from waits for the next bytes first, which may never come. */
function readableOf(bytes: AsyncIterable<Buffer>): Readable {
  const content = Readable.from(bytes, { objectMode: false });
  content._destroy = (error, done) => done(error);
  return content;
}

/** A client that sends something expects something of it. */
async function refuseBody(_request: FastifyRequest, payload: Readable): Promise<undefined> {
  for await (const chunk of payload.iterator({ destroyOnReturn: false })) {
    if (chunk.length > 0) throw new RequestError('body-unexpected', 'A body has no meaning here: send none');
  }
  return undefined;
}

/** The media type of a Content-Type (RFC 9110, section 8.3.1); only UTF-8 is a charset that rfw reads. */
function mediaType(header: string | undefined): string {
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((text) => text.startsWith('charset='));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset))
    throw new RequestError('content-type-unsupported', 'The body must be UTF-8');
  return type.trim();
}

/** Bytes up to a limit. The connection is left as it is, so that the client can be answered. */
async function* limited(payload: Readable, limit: number): AsyncGenerator<Buffer> {
  let length = 0;
  try {
    for await (const chunk of payload.iterator({ destroyOnReturn: false })) {
      length += chunk.length;
      if (length > limit) throw tooLarge(limit);
      yield chunk;
    }
  } catch (error) {
    throw error instanceof RequestError ? error : new RequestError('request-invalid', 'The body was cut off');
  }
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

function tooLarge(limit: number): RequestError {
  return new RequestError('body-too-large', `The body is larger than ${limit} bytes`);
}
