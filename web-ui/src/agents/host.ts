/** The application that shows this page in a frame: JSON-RPC over `postMessage`, as MCP Apps (2026-01-26) has it. */

type Json = Record<string, unknown>;

export interface Context {
  theme?: "light" | "dark";
  containerDimensions?: { height?: number; maxHeight?: number };
}

interface Listener {
  onContext: (context: Context) => void;
  onResult: (result: Json) => void;
  onCancelled: () => void;
}

const VERSION = "2026-01-26";
const HELLO = 1;

export const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Greet the host and listen to it. */
export function connect({ onContext, onResult, onCancelled }: Listener): void {
  window.addEventListener("message", ({ source, data }: MessageEvent<unknown>) => {
    if (source !== window.parent || !isObject(data) || data.jsonrpc !== "2.0") return;
    const params = isObject(data.params) ? data.params : {};
    if (data.id === HELLO && data.method === undefined) {
      if (!isObject(data.result)) return;
      if (isObject(data.result.hostContext)) onContext(data.result.hostContext);
      send({ method: "ui/notifications/initialized", params: {} });
      watchSize();
      return;
    }
    switch (data.method) {
      case "ui/notifications/host-context-changed":
        return onContext(params);
      case "ui/notifications/tool-result":
        return onResult(params);
      case "ui/notifications/tool-cancelled":
        return onCancelled();
      case "ping":
      case "ui/resource-teardown":
        return send({ id: data.id, result: {} });
    }
    if (data.method !== undefined && data.id !== undefined) {
      send({ id: data.id, error: { code: -32601, message: "This chart has no such method." } });
    }
  });
  send({
    id: HELLO,
    method: "ui/initialize",
    params: {
      protocolVersion: VERSION,
      appInfo: { name: "butlr-chart", version: "1" },
      appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    },
  });
}

function watchSize(): void {
  let told = 0;
  new ResizeObserver(() => {
    const height = Math.ceil(document.body.scrollHeight);
    if (height === told) return;
    told = height;
    send({ method: "ui/notifications/size-changed", params: { width: document.documentElement.clientWidth, height } });
  }).observe(document.body);
}

// The host's origin is not known to a frame without one of its own; nothing that is sent is secret.
function send(message: Json): void {
  window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
}
