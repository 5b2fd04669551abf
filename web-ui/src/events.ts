import type { ExecutionResult } from "graphql";

/** The results of a GraphQL-over-SSE answer in distinct connections mode: `next` events until `complete`. */
export async function* readEvents(response: Response): AsyncGenerator<ExecutionResult> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // A CR at the end may be half of a CRLF: it stays until the rest is here.
      buffer = (buffer + value).replace(/\r\n/g, "\n");
      const blocks = buffer.split("\n\n");
      buffer = blocks.pop()!;
      for (const block of blocks) {
        const event = parseEvent(block);
        if (event.type === "complete") return;
        if (event.type === "next") yield JSON.parse(event.data) as ExecutionResult;
      }
    }
  } finally {
    await reader.cancel();
  }
}

function parseEvent(block: string): { type: string; data: string } {
  let type = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field, value = ""] = /^(\w+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === "event") type = value;
    if (field === "data") data.push(value);
  }
  return { type, data: data.join("\n") };
}
