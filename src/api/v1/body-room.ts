import type { FastifyRequest } from 'fastify';
import { RequestError } from '../errors.ts';

/** The most bytes of bodies that are held at once, until they are answered. What is made of them is some eight times as much. */
const roomForBodies = 32 * 1024 * 1024;

/** What is held of the bodies of requests that are done as a whole. */
export class BodyRoom {
  readonly #held = new Map<FastifyRequest, number>();
  readonly #room: number;
  #size = 0;

  constructor(room: number) {
    this.#room = room;
  }

  /** @throws RequestError `overloaded` when others take up the room, `body-too-large` when this one does by itself */
  take(request: FastifyRequest, bytes: number): void {
    const held = (this.#held.get(request) ?? 0) + bytes;
    if (held > this.#room)
      throw new RequestError('body-too-large', `More than ${this.#room} bytes can't be done as a whole: send less`);
    if (this.#size + bytes > this.#room)
      throw new RequestError('overloaded', 'Too many large bodies are being worked on: try again in a moment');
    this.#held.set(request, held);
    this.#size += bytes;
  }

  release(request: FastifyRequest): void {
    this.#size -= this.#held.get(request) ?? 0;
    this.#held.delete(request);
  }
}

const room = new BodyRoom(roomForBodies);

/** A body that is held as a whole, as long as there is room for it. @throws RequestError as `BodyRoom.take` */
export async function* holding(request: FastifyRequest, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const bytes of body) {
    room.take(request, bytes.length);
    yield bytes;
  }
}

/** Gives back the room of a request that is done. */
export function releaseBody(request: FastifyRequest): void {
  room.release(request);
}
