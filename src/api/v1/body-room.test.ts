import type { FastifyRequest } from 'fastify';
import { expect, it } from 'vitest';
import { BodyRoom } from './body-room.ts';

/** Only what a request is told from others by. */
function request(): FastifyRequest {
  return {} as FastifyRequest;
}

it('has room for so many bytes at once, and again when they are given back', () => {
  const room = new BodyRoom(10);
  const [first, second] = [request(), request()];
  room.take(first, 4);
  room.take(first, 4);
  expect(() => room.take(second, 3)).toThrow('Too many large bodies are being worked on');
  room.take(second, 2);
  room.release(first);
  room.release(first);
  room.take(second, 8);
  expect(() => room.take(request(), 1)).toThrow(expect.objectContaining({ code: 'overloaded' }));
});

it('says of a body for which there is never room that it is too large', () => {
  const room = new BodyRoom(10);
  const one = request();
  room.take(one, 10);
  expect(() => room.take(one, 1)).toThrow(expect.objectContaining({ code: 'body-too-large' }));
});
