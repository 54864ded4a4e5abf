// A certified OpenID provider for the tests: node server.mjs <client-id> <secret> <redirect-uri> <logout-uri>
// Whoever signs in says in the login field what the provider is to say about them: JSON of claims, `sub` among them.
// Prints its issuer as the first line, once it listens on a free port of loopback.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [clientId, clientSecret, redirectUri, logoutUri] = process.argv.slice(2);
const accounts = new Map();

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [logoutUri],
    }],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'groups', 'company'],
    },
    cookies: { keys: ['only-for-tests'] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    renderError: (ctx, out) => { ctx.type = 'json'; ctx.body = out; },
    findAccount: (ctx, sub) => accounts.has(sub) && { accountId: sub, claims: () => accounts.get(sub) },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) return answer(request, response);
    interact(provider, request, response).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  console.log(issuer);
});

// The provider's pages: a login form, then a consent form; each may also be refused.
async function interact(provider, request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    const field = prompt.name === 'login' ? '<input name="login">' : '';
    response.setHeader('content-type', 'text/html');
    response.end(`<form method="post" action="${request.url}">${field}<button name="yes" value="1">${prompt.name}</button></form>`);
    return;
  }
  let body = '';
  for await (const part of request) body += part;
  const form = new URLSearchParams(body);
  let result = { error: 'access_denied', error_description: 'The person said no.' };
  if (form.has('yes') && prompt.name === 'login') {
    const claims = JSON.parse(form.get('login'));
    accounts.set(claims.sub, claims);
    result = { login: { accountId: claims.sub } };
  } else if (form.has('yes')) {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}
