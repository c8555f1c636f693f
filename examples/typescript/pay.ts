// Pay for one page with the stock npm package `web-bot-auth`: npm install web-bot-auth, then
//
//   node pay.ts https://news.example/articles/1 bot.pem https://bot.example "USD 0.01"
//
// (Node 22.18 or newer runs TypeScript as it is; older ones after `npx esbuild pay.ts --outfile=pay.mjs`.)
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { generateNonce, signatureHeaders } from "web-bot-auth";
import { signerFromJWK } from "web-bot-auth/crypto";

export type Signer = Awaited<ReturnType<typeof signerFromJWK>>;

/** The key file of `farebox-crawl keygen`, ready to sign. */
export async function signerFromPem(path: string): Promise<Signer> {
  const key = createPrivateKey(readFileSync(path)).export({ format: "jwk" });
  return signerFromJWK(key as JsonWebKey);
}

/** The headers of a request that pays at most `maximum`. The same headers sent again are the same charge. */
export async function payingHeaders(url: string, signer: Signer, agent: string, maximum: string) {
  const offered = { "signature-agent": `"${agent}"`, "crawler-max-price": maximum };
  const created = new Date();
  const signed = await signatureHeaders(new Request(url, { headers: offered }), signer, {
    created,
    expires: new Date(created.getTime() + 60_000),
    nonce: generateNonce(),
    components: ["@method", "@authority", "@target-uri", "signature-agent", "crawler-max-price"],
  });
  return { ...offered, signature: signed.Signature, "signature-input": signed["Signature-Input"] };
}

/** Get a page for at most `maximum`; a transfer that breaks is asked for once more, for nothing. */
export async function pay(url: string, signer: Signer, agent: string, maximum: string) {
  const headers = await payingHeaders(url, signer, agent, maximum);
  const once = async () => {
    const response = await fetch(url, { headers, redirect: "manual" });
    return { response, body: await response.arrayBuffer() };
  };
  const { response, body } = await once().catch(once);
  return {
    status: response.status,
    charged: response.headers.get("crawler-charged"),
    receipt: response.headers.get("crawler-receipt"),
    price: response.headers.get("crawler-price"),
    error: response.headers.get("crawler-error"),
    detail: response.headers.get("crawler-error-detail"),
    body,
  };
}

const [url, pem, agent, maximum] = process.argv.slice(2);
if (maximum !== undefined) {
  const { body, ...told } = await pay(url, await signerFromPem(pem), agent, maximum);
  console.log(JSON.stringify({ ...told, bytes: body.byteLength }));
}
