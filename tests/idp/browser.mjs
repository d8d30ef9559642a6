// Plays a person at a browser: opens an address, fills in the sign-in form, follows the redirects.
//
//   node browser.mjs PERSON.json URL
//
// PERSON: { email, password, otpSecret? }
// Prints { status, url, body } of the page at which it ends. The status is 1 when that page is an error.

import { readFileSync } from 'node:fs';

import { CookieJar } from './cookies.mjs';
import { codeAt } from './totp.mjs';

const MOST_REDIRECTS = 20;

const [personFile, start] = process.argv.slice(2);
const person = JSON.parse(readFileSync(personFile, 'utf8'));
const jar = new CookieJar();

let page = await open(start);
if (page.body.includes('name="password"')) {
  const form = new URLSearchParams({ username: person.email, password: person.password });
  if (person.otpSecret) form.set('code', codeAt(person.otpSecret, Date.now()));
  page = await open(page.url, { method: 'POST', body: form });
}
console.log(JSON.stringify(page));
process.exitCode = page.status < 400 ? 0 : 1;

async function open(address, how = {}) {
  let url = new URL(address);
  let request = how;
  for (let hop = 0; hop < MOST_REDIRECTS; hop += 1) {
    const response = await fetch(url, { ...request, redirect: 'manual', headers: jar.headersFor(url) });
    jar.keep(url, response.headers.getSetCookie());
    const location = response.headers.get('location');
    if (!location || response.status < 300 || response.status >= 400) {
      return { status: response.status, url: url.href, body: await response.text() };
    }
    url = new URL(location, url);
    request = {};
  }
  throw new Error(`more than ${MOST_REDIRECTS} redirects from ${address}`);
}
