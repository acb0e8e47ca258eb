import type { FastifyRequest } from 'fastify';
import { RequestError } from '../errors.ts';

/** The most bytes of bodies that are held at once, until they are answered. What is made of them is some eight times as much. */
const roomForBodies = 32 * 1024 * 1024;

/** Of them for one principal, so that nobody who sends slowly holds up all others. */
const roomForOne = 24 * 1024 * 1024;

/** What is held of the bodies of requests that are done as a whole. */
export class BodyRoom {
  readonly #held = new Map<FastifyRequest, number>();
  readonly #ofPrincipals = new Map<string, number>();
  readonly #room: number;
  readonly #forOne: number;
  #size = 0;

  /** @param forOne bytes of the room that one principal may have */
  constructor(room: number, forOne: number) {
    this.#room = room;
    this.#forOne = forOne;
  }

  /** @throws RequestError `overloaded` when other bodies take up the room, `body-too-large` when this one does by itself */
  take(request: FastifyRequest, bytes: number): void {
    const held = (this.#held.get(request) ?? 0) + bytes;
    if (held > this.#forOne)
      throw new RequestError('body-too-large', `More than ${this.#forOne} bytes can't be done as a whole: send less`);
    const { name } = request.principal;
    const ofPrincipal = (this.#ofPrincipals.get(name) ?? 0) + bytes;
    if (ofPrincipal > this.#forOne || this.#size + bytes > this.#room)
      throw new RequestError('overloaded', 'Too many large bodies are being worked on: try again in a moment');
    this.#held.set(request, held);
    this.#ofPrincipals.set(name, ofPrincipal);
    this.#size += bytes;
  }

  release(request: FastifyRequest): void {
    const held = this.#held.get(request);
    if (held === undefined) return;
    this.#held.delete(request);
    this.#size -= held;
    const { name } = request.principal;
    const left = (this.#ofPrincipals.get(name) ?? 0) - held;
    if (left > 0) this.#ofPrincipals.set(name, left);
    else this.#ofPrincipals.delete(name);
  }
}

const room = new BodyRoom(roomForBodies, roomForOne);

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
