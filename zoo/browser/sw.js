// The service worker: the page works offline, and WebAssembly gets threads where the server sets no headers.
importScripts("contents.js"); // CONTENTS: { version, page, assets }, made by `zoo site`

const PAGE = `caesr-page-${CONTENTS.version}`; // of one version, all of it from the start
const ASSETS = "caesr-assets"; // runtime and models, kept once used; their addresses name their content
const address = (path) => new URL(path, self.registration.scope).href;

self.addEventListener("install", (event) => {
  const requests = CONTENTS.page.map((path) => new Request(address(path), { cache: "no-cache" }));
  event.waitUntil(caches.open(PAGE).then((cache) => cache.addAll(requests)));
});

self.addEventListener("activate", (event) => event.waitUntil(activate()));

async function activate() {
  for (const name of await caches.keys()) if (name.startsWith("caesr-page-") && name !== PAGE) await caches.delete(name);
  const assets = await caches.open(ASSETS), current = new Set(CONTENTS.assets.map(address));
  for (const request of await assets.keys()) if (!current.has(request.url)) await assets.delete(request);
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

async function answer(request) {
  const options = { ignoreSearch: request.mode === "navigate" };
  const cached = (await matchIn(PAGE, request, options)) ?? (await matchIn(ASSETS, request, options));
  if (cached) return isolated(cached);
  const response = await fetch(request);
  if (response.ok && CONTENTS.assets.map(address).includes(request.url)) await (await caches.open(ASSETS)).put(request, response.clone());
  return isolated(response);
}

async function matchIn(name, request, options) {
  return (await caches.open(name)).match(request, options);
}

/** Add the headers by which a page may share memory between threads. */
function isolated(response) {
  if (response.type === "opaqueredirect" || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const hasBody = ![101, 204, 205, 304].includes(response.status);
  return new Response(hasBody ? response.body : null, { status: response.status, statusText: response.statusText, headers });
}
