// Time-based one-time codes of RFC 6238: SHA-1, six digits, thirty seconds.
// Secrets are written in base32, as authenticator apps take them.

import { createHmac } from 'node:crypto';

const STEP = 30_000;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function codeAt(secret, now) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / STEP)));
  const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  const offset = mac[mac.length - 1] & 0x0f;
  const number = (mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000;
  return String(number).padStart(6, '0');
}

/** A code of the step before or after is taken too, since clocks differ and people are slow. */
export function acceptsCode(secret, code, now) {
  return [-STEP, 0, STEP].some((shift) => codeAt(secret, now + shift) === code);
}

function fromBase32(text) {
  let bits = 0;
  let held = 0;
  const bytes = [];
  for (const letter of text.toUpperCase()) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) throw new Error('a one-time code secret is not base32');
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
      held &= (1 << bits) - 1;
    }
  }
  return Buffer.from(bytes);
}
