// The identity provider of the machine tests: a certified OpenID provider with our own sign-in page.
//
//   node server.mjs CONFIG.json
//
// CONFIG: { issuer, listen: { address, port }, people, keys, client: { id, redirectUris, alg }, idTokenLifetime }
// `people` names a file that is read anew for every question, so a test disables a person by writing it.
// `keys` names a file that keeps the signing keys from one start to the next.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { loadKeys } from './keys.mjs';
import { pages } from './pages.mjs';
import { openPeople } from './people.mjs';
import { makeProvider } from './provider.mjs';

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const people = openPeople(config.people);
const provider = makeProvider(config, people, loadKeys(config.keys));
const protocol = provider.callback();
const interactions = pages(provider, people);

const server = createServer((request, response) => {
  const answer = request.url.startsWith('/interaction/') ? interactions : protocol;
  Promise.resolve(answer(request, response)).catch((error) => {
    console.error('%s %s: %s', request.method, request.url, error.message);
    if (!response.headersSent) response.writeHead(400, { 'content-type': 'text/plain' });
    response.end('this sign-in cannot go on; start again\n');
  });
});

const { address, port } = config.listen;
server.listen(port, address, () => console.log('ready at %s', config.issuer));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
