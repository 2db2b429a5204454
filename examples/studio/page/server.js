// The studio's program, as the page talks to it.

export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? `The studio answered ${status}.`);
    this.status = status;
    this.violations = answer.violations ?? [];
  }
}

// Throws `Refused` for an answer that refuses, TypeError where there was none.
async function call(method, path, body, type = "application/json") {
  const options = { method, headers: { "X-Studio": "1" } };
  if (body !== undefined) {
    options.body = type === "application/json" ? JSON.stringify(body) : body;
    options.headers["Content-Type"] = type;
  }
  const response = await fetch(path, options);
  const text = await response.text();
  let answer = {};
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { error: text };
  }
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

export const server = {
  about: () => call("GET", "/api/studio"),
  clips: () => call("GET", "/api/clips"),
  balance: () => call("GET", "/api/balance"),
  validate: (request, kind) => call("POST", "/api/validate", { request, kind }),
  order: (request, kind, key) => call("POST", "/api/clips", { request, kind, key }),
  remove: (id) => call("DELETE", `/api/clips/${id}`),
  follow: (id) => call("POST", `/api/clips/${id}/follow`),
  adopt: (id, task) => call("POST", `/api/clips/${id}/task`, task, "text/plain"),
  keepPoster: (id, jpeg) => call("POST", `/api/clips/${id}/poster`, jpeg, "image/jpeg"),
  keepPicture: (file) => call("POST", "/api/pictures", file, "application/octet-stream"),

  // Calls `on.hello` at every new connection, and `on.lost` when one ends; it is made again by itself.
  listen(on) {
    const source = new EventSource("/api/events");
    for (const name of ["hello", "clip", "removed", "service"])
      source.addEventListener(name, (event) => on[name](JSON.parse(event.data)));
    source.onerror = () => {
      on.lost();
      // A studio that comes back with another token, or a browser that gave up.
      if (source.readyState !== EventSource.CLOSED) return;
      fetch("/api/balance").then((answer) => { if (answer.status === 401) on.refused(); }, () => {});
      setTimeout(() => server.listen(on), 2000);
    };
  },
};

export const pictureAddress = (reference) =>
  reference.startsWith("picture:") ? `/pictures/${reference.slice("picture:".length)}` : null;
