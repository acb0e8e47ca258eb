import type { FastifyRequest } from 'fastify';
import { expect, it } from 'vitest';
import { BodyRoom } from './body-room.ts';

/** Only what a request is told from others by. */
function request(name = 'token:a'): FastifyRequest {
  return { principal: { name } } as FastifyRequest;
}

const refusal = (code: string) => expect.objectContaining({ code });

it('has room for so many bytes at once, and again when they are given back', () => {
  const room = new BodyRoom(10, 8);
  const [first, second] = [request('token:a'), request('token:b')];
  room.take(first, 4);
  room.take(first, 4);
  expect(() => room.take(second, 3)).toThrow('Too many large bodies are being worked on');
  room.take(second, 2);
  room.release(first);
  room.release(first);
  room.take(second, 6);
  expect(() => room.take(request('token:c'), 3)).toThrow(refusal('overloaded'));
});

it('never gives all of it to one principal', () => {
  const room = new BodyRoom(10, 8);
  const [first, second] = [request(), request()];
  room.take(first, 5);
  room.take(second, 3);
  expect(() => room.take(request(), 1)).toThrow(refusal('overloaded'));
  room.take(request('token:b'), 2);
  room.release(first);
  room.take(request(), 5);
  expect(() => room.take(request(), 1)).toThrow(refusal('overloaded'));
});

it('says of a body for which there is never room that it is too large', () => {
  const room = new BodyRoom(10, 8);
  const one = request();
  room.take(one, 8);
  expect(() => room.take(one, 1)).toThrow(refusal('body-too-large'));
});
