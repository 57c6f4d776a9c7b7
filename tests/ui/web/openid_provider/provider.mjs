// A real OpenID Connect provider on a free loopback port, for the tests. It takes any login of an
// account without a password, prints its issuer as one line, and ends when its input ends.
//
// node provider.mjs '{"redirectUri": …, "clientId": …, "clientSecret": …, "accounts": {LOGIN: {CLAIM: …}},
//   "claimsInToken": true | false, "algorithm": "RS256" | …}'

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";

import Provider from "oidc-provider";

const config = JSON.parse(process.argv[2]);

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: config.clientId,
      client_secret: config.clientSecret,
      redirect_uris: [config.redirectUri],
      application_type: "native", // its loopback addresses are good with any port
      id_token_signed_response_alg: config.algorithm,
    },
  ],
  claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email", "email_verified"] },
  conformIdTokenClaims: !config.claimsInToken,
  cookies: { keys: ["only for tests"] },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "HS256"] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_ctx, id) =>
    id in config.accounts
      ? { accountId: id, claims: () => ({ sub: id, ...config.accounts[id] }) }
      : undefined,
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  jwks: {
    keys: [
      { ...rsa.export({ format: "jwk" }), kid: "rsa", use: "sig" },
      { ...ec.export({ format: "jwk" }), kid: "ec", use: "sig" },
    ],
  },
});

const handle = provider.callback();

server.on("request", async (request, response) => {
  if (!request.url.startsWith("/interaction/")) {
    handle(request, response);
    return;
  }
  try {
    await interact(request, response);
  } catch (error) {
    response.writeHead(400, { "Content-Type": "text/plain" }).end(String(error));
  }
});

async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === "consent") {
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    await provider.interactionFinished(
      request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true },
    );
  } else if (request.method === "POST") {
    const form = new URLSearchParams(await text(request));
    const result = form.has("cancel")
      ? { error: "access_denied", error_description: "cancelled" }
      : { login: { accountId: form.get("login") } };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  } else {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(
      `<!doctype html><html lang="en"><title>Provider</title>
      <form method="post" action="${request.url}">
      <label for="login">Login</label><input id="login" name="login" autofocus>
      <button>Continue</button><button name="cancel" value="1">Cancel</button></form></html>`,
    );
  }
}

async function text(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

console.log(issuer);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
