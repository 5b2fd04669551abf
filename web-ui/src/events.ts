import type { ExecutionResult } from "graphql";

export interface StreamEvent {
  /** What a client says as `Last-Event-ID` to go on from here. */
  id: string;
  /** None: the stream is complete. */
  result: ExecutionResult | null;
}

/** The events of a GraphQL-over-SSE answer in distinct connections mode: `next` until `complete`. */
export async function* readEvents(response: Response, onBytes: (length: number) => void): AsyncGenerator<StreamEvent> {
  const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      onBytes(chunk.byteLength);
      controller.enqueue(chunk);
    },
  });
  const reader = response.body!.pipeThrough(counted).pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  let id = "";
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
        id = event.id || id;
        if (event.type === "complete") yield { id, result: null };
        if (event.type === "next") yield { id, result: JSON.parse(event.data) as ExecutionResult };
      }
    }
  } finally {
    await reader.cancel();
  }
}

function parseEvent(block: string): { type: string; data: string; id: string } {
  let type = "message";
  let id = "";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field, value = ""] = /^(\w+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === "event") type = value;
    if (field === "id") id = value;
    if (field === "data") data.push(value);
  }
  return { type, data: data.join("\n"), id };
}
