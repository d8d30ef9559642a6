// The people that the provider knows, and what they have to show to sign in.
//
// FILE: [{ sub, userName, name, email, groups, password, otpSecret?, disabled?, signedInAgo? }]
// `signedInAgo` makes a person's sign-in look that many seconds older than it is.

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { acceptsCode } from './totp.mjs';

/** How strong a sign-in was, in the words of the `acr` claim. */
export const ACR = { password: 'urn:example:acr:password', mfa: 'urn:example:acr:mfa' };

export function openPeople(file) {
  const enabled = () => JSON.parse(readFileSync(file, 'utf8')).filter((person) => !person.disabled);
  return {
    bySubject: (sub) => enabled().find((person) => person.sub === sub),
    signIn: (attempt, now) => {
      const person = enabled().find((known) => known.email === attempt.username);
      return person && judge(person, attempt, now);
    },
  };
}

/** The result of a sign-in as the provider wants it, or nothing. One answer for every kind of mistake. */
export function judge(person, { password, code }, now) {
  if (!same(person.password, password)) return undefined;
  if (person.otpSecret && !acceptsCode(person.otpSecret, code, now)) return undefined;
  const second = Boolean(person.otpSecret);
  return {
    accountId: person.sub,
    amr: second ? ['pwd', 'otp', 'mfa'] : ['pwd'],
    acr: second ? ACR.mfa : ACR.password,
    ts: Math.floor(now / 1000) - (person.signedInAgo ?? 0),
  };
}

function same(one, other) {
  const digest = (text) => createHash('sha256').update(String(text)).digest();
  return timingSafeEqual(digest(one), digest(other));
}
