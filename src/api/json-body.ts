import type { IncomingMessage } from 'node:http';
import express, { type Request, type RequestHandler } from 'express';
import { DomainError } from '../domain/errors.ts';
import { escapePointer } from './create-order.ts';
import { repeatedNames } from './json-text.ts';

/** Reads a body of JSON into `req.body`: UTF-8, not compressed, at most `limit`, and no name in it given twice. */
export function readJsonBody(limit: string): RequestHandler[] {
  /** The bytes of the request that is being read, since the parser keeps only what it made of them. */
  const bytesOf = new WeakMap<IncomingMessage, Buffer>();

  const parse = express.json({
    limit,
    inflate: false,
    verify(req, _res, bytes, encoding) {
      if (encoding !== 'utf-8') throw new DomainError('unsupported_media_type', 'send the body in UTF-8');
      bytesOf.set(req, bytes);
    },
  });

  const refuseRepeated = (req: Request): void => {
    const names = isObject(req.body) ? repeatedNames(bytesOf.get(req)?.toString('utf8') ?? '') : [];
    if (names.length === 0) return;
    const fields = names.map((name) => ({ pointer: `/${escapePointer(name)}`, detail: 'is given more than once' }));
    throw new DomainError('validation_failed', 'the body has fields that are given more than once', { fields });
  };

  return [
    requireJson,
    parse,
    (req, _res, next) => {
      refuseRepeated(req);
      next();
    },
  ];
}

const requireJson: RequestHandler = (req, _res, next) => {
  if (req.is('application/json')) next();
  else next(new DomainError('unsupported_media_type', 'send the body as Content-Type: application/json'));
};

function isObject(body: unknown): boolean {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}
