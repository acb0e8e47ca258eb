import { expect } from 'vitest';
import type { OpenServer, Question } from '../server.fixture.ts';

/** Status, and the code and detail of a problem, or the text of another answer. */
export async function ask(to: OpenServer, method: string, path: string, question?: Question): Promise<string> {
  const { status, headers, text } = await to.send(method, path, question);
  if (status < 400) return `${status} ${text}`;
  expect(headers['content-type']).toBe('application/problem+json');
  if (text === '') return `${status}`;
  const problem = JSON.parse(text);
  expect(problem).toMatchObject({ status, type: `urn:rfw:problem:${problem.code}`, title: expect.any(String) });
  expect(problem.instance).toBe(`urn:rfw:request:${headers['x-request-id']}`);
  return `${status} ${problem.code}: ${problem.detail}`;
}

/** A body with its type. */
export function json(body: string, type = 'application/json'): Question {
  return { headers: { 'content-type': type }, body };
}

/** The errors of a refused request, one text each. */
export async function errorsOf(to: OpenServer, method: string, path: string, question?: Question): Promise<string[]> {
  const { text } = await to.send(method, path, question);
  const errors: { pointer?: string; parameter?: string; message: string }[] = JSON.parse(text).errors;
  return errors.map(({ pointer, parameter, message }) => `${pointer ?? parameter} ${message}`);
}
