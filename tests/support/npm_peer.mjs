// Signs and verifies with the stock npm package `web-bot-auth`: tasks as a JSON array on stdin, results on stdout.
// The folder whose node_modules holds the package is the argument.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.argv[2]}/`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { directoryResponseHeaders, signatureHeaders, verify } = await load("web-bot-auth");
const { signerFromJWK, verifierFromJWK } = await load("web-bot-auth/crypto");

const times = (task) => ({ created: new Date(task.created * 1000), expires: new Date(task.expires * 1000) });

const kinds = {
  async sign(task) {
    const signer = await signerFromJWK(task.key);
    const request = new Request(task.url, { headers: task.headers });
    const options = { ...times(task), ...(task.components ? { components: task.components } : {}) };
    return await signatureHeaders(request, signer, options);
  },
  async verify(task) {
    try {
      await verify(new Request(task.url, { headers: task.headers }), await verifierFromJWK(task.key));
      return { verified: true };
    } catch (why) {
      return { verified: false, why: why.message };
    }
  },
  async directory(task) {
    const message = { request: new Request(task.url), response: new Response(task.body) };
    return await directoryResponseHeaders(message, [await signerFromJWK(task.key)], times(task));
  },
};

const results = [];
for (const task of JSON.parse(readFileSync(0, "utf8"))) results.push(await kinds[task.kind](task));
console.log(JSON.stringify(results));
