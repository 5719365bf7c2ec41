// Gradio answers all calls of a page on one stream, which its server closes when no call is left. A call that joins
// while that closing is on its way would be answered on a stream that nobody reads, and the page would wait for ever.
// So a closing is held back while calls are joining or waiting: the stream is asked for anew, and Gradio sees one.
(() => {
  const fetchFromServer = window.fetch.bind(window);
  const joining = new Set(); // requests that are not answered yet
  const waiting = new Set(); // ids of calls that are not completed
  const completed = new Set(); // ids of calls that were completed before the answer to their joining came

  window.fetch = (input, init) => {
    const address = new URL(input.url ?? input, location.href).pathname;
    if (address.endsWith("/queue/join")) return join(input, init);
    if (address.endsWith("/queue/data")) return listen(input, init);
    return fetchFromServer(input, init);
  };

  async function join(input, init) {
    const request = fetchFromServer(input, init);
    const noted = request.then(async (answer) => {
      const id = answer.ok && (await answer.clone().json()).event_id;
      if (id && !completed.delete(id)) waiting.add(id);
    });
    const settled = noted.catch(() => {}).finally(() => joining.delete(settled));
    joining.add(settled);
    await settled;
    return request;
  }

  async function listen(request, init) {
    const url = request.url ?? request;
    const { signal, headers } = new Request(request, init);
    const first = await fetchFromServer(request, init);
    if (!first.ok) return first;
    const messages = messagesOf(first, () => fetchFromServer(url, { signal, headers }));
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      async pull(stream) {
        const { value, done } = await messages.next();
        done ? stream.close() : stream.enqueue(encoder.encode(value));
      },
      cancel: () => messages.return(),
    });
    return new Response(body, { status: first.status, headers: first.headers });
  }

  // Yields the messages of a stream, and of those that follow it, as text.
  async function* messagesOf(answer, askAnew) {
    let reader = answer.body.getReader();
    let decoder = new TextDecoder();
    let text = "";
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += decoder.decode(value, { stream: true });
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          const message = text.slice(0, end + 2);
          text = text.slice(end + 2);
          const { msg, event_id } = JSON.parse(message.replace(/^data: /, ""));
          if (msg === "process_completed" && !waiting.delete(event_id)) completed.add(event_id);
          if (msg === "close_stream") {
            while (joining.size > 0) await Promise.all(joining);
            const next = waiting.size > 0 ? await askAnew() : undefined;
            if (next?.ok) {
              reader = next.body.getReader();
              [decoder, text] = [new TextDecoder(), ""];
              break;
            }
            waiting.clear();
          }
          yield message;
        }
      }
      if (text) yield text;
    } finally {
      reader.cancel().catch(() => {});
    }
  }
})();
