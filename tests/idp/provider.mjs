// The configuration of the provider: public native clients, and ID tokens that say how and when the
// person signed in and which groups they are in.

import { randomBytes } from 'node:crypto';

import Provider, { interactionPolicy } from 'oidc-provider';

import { ACR } from './people.mjs';

const SCOPES = ['openid', 'email', 'profile', 'groups'];

export function makeProvider(config, people, jwks) {
  // Nobody is asked for consent: the organisation that runs a provider like this one has given it.
  const policy = interactionPolicy.base();
  policy.remove('consent');

  const provider = new Provider(config.issuer, {
    jwks,
    acrValues: Object.values(ACR),
    claims: {
      openid: ['sub', 'amr', 'acr', 'auth_time'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    clients: config.clients.map((id) => ({
      client_id: id,
      application_type: 'native',
      redirect_uris: config.redirectUris,
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: config.alg,
    })),
    clientBasedCORS: () => false,
    // Claims of a scope go into the ID token and not only to the user information endpoint.
    conformIdTokenClaims: false,
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    findAccount: (_, sub) => account(people.bySubject(sub)),
    interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
    async loadExistingGrant(ctx) {
      const grant = new provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope(SCOPES.join(' '));
      await grant.save();
      return grant;
    },
    pkce: { methods: ['S256'], required: () => true },
    renderError(ctx, { error, error_description: description }) {
      ctx.type = 'text/plain';
      ctx.body = `${error}: ${description}\n`;
    },
    scopes: SCOPES,
    ttl: { IdToken: config.idTokenLifetime, AccessToken: 300, Grant: 3600, Interaction: 600, Session: 3600 },
  });

  provider.on('server_error', (_, error) => console.error('server error: %s', error.stack));
  return provider;
}

function account(person) {
  if (!person) return undefined;
  return {
    accountId: person.sub,
    claims: () => ({
      sub: person.sub,
      email: person.email,
      email_verified: true,
      name: person.name,
      preferred_username: person.userName,
      groups: person.groups,
    }),
  };
}
