// The provider's signing keys, one for each algorithm that it offers, kept in a file.

import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const KINDS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};

export function loadKeys(file) {
  if (!existsSync(file)) {
    const keys = Object.entries(KINDS).map(([alg, [kind, options]]) => ({
      ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }),
      alg,
      use: 'sig',
      kid: `${alg.toLowerCase()}-1`,
    }));
    writeFileSync(file, JSON.stringify({ keys }), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}
