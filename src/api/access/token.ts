import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Limits, Scope } from './principal.ts';

/** A token as it is kept: all but its secret. JSON, instants in milliseconds since the epoch. */
export interface TokenRecord {
  /** 16 hex digits. Public: it is part of the token, so that the token is found without a scan. */
  readonly id: string;
  /** Of all tokens that stand only one has it. */
  readonly name: string;
  /** SHA-256 of the secret, hex. */
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly limits: Limits;
  /** The prefixes that it may be used from; none is anywhere. */
  readonly clients: readonly string[];
  readonly createdAt: number;
  /** The name of the principal that made it. */
  readonly createdBy: string;
  /** Null is never. */
  readonly expiresAt: number | null;
  /** Written lazily: up to a minute late. Null is never yet. */
  readonly lastUsedAt: number | null;
}

/** The two parts of a token's text, `rfw_<id>_<secret>`. */
interface TokenParts {
  readonly id: string;
  /** 32 random bytes, base64url. */
  readonly secret: string;
}

/** Draws a new token. */
export function drawToken(): TokenParts {
  return { id: randomBytes(8).toString('hex'), secret: randomBytes(32).toString('base64url') };
}

/** The text that its owner sends. It begins so that scanners for lost secrets find it. */
export function formatToken({ id, secret }: TokenParts): string {
  return `rfw_${id}_${secret}`;
}

/** Reads the text of a token; undefined when it is none. */
export function parseToken(text: string): TokenParts | undefined {
  const match = /^rfw_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/.exec(text);
  return match === null ? undefined : { id: match[1] ?? '', secret: match[2] ?? '' };
}

/**
 * What is kept of a secret, hex. One round of SHA-256 is enough: slow hashes make up for passwords that can be guessed, and
 * nobody guesses 256 random bits.
 */
export function hashSecret(secret: string): string {
  return digest(secret).toString('hex');
}

/** Whether it is the secret of the hash, in a time that tells nothing about where they differ. */
export function isSecretOf(hash: string, secret: string): boolean {
  return timingSafeEqual(Buffer.from(hash, 'hex'), digest(secret));
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
