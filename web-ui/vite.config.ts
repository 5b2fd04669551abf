import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { defineConfig, type Plugin } from "vite";

const COMPRESSED = /\.(js|css|svg|ttf|html|md)$/;

/** Each file once more as br and as gzip: compressed once, as small as it gets, and not by the server. */
function compressed(): Plugin {
  let out = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved: ({ root, build }) => void (out = join(root, build.outDir)),
    closeBundle() {
      for (const path of readdirSync(out, { recursive: true, encoding: "utf-8" })) {
        const file = join(out, path);
        if (!COMPRESSED.test(file) || !statSync(file).isFile() || file.endsWith("index.html")) continue;
        const content = readFileSync(file);
        const options = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } };
        for (const [ending, made] of [
          ["br", brotliCompressSync(content, options)],
          ["gz", gzipSync(content, { level: 9 })],
        ] as const) {
          if (made.length < content.length) writeFileSync(`${file}.${ending}`, made);
        }
      }
    },
  };
}

/** Completions come in the schema's order, the eleventh too: the language service sorts its numbers as texts. */
function ordered(): Plugin {
  const written = "sortText: String(index) + field.name";
  return {
    name: "ordered-completions",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("graphql-language-service") || !id.endsWith("getAutocompleteSuggestions.js")) return null;
      if (!code.includes(written)) this.error(`${id} no longer says ${written}`);
      return { code: code.replace(written, 'sortText: String(index).padStart(4, "0") + field.name'), map: null };
    },
  };
}

export default defineConfig({
  // Relative: a proxy may put any prefix before the page and its files.
  base: "./",
  plugins: [ordered(), compressed()],
  worker: { plugins: () => [ordered()] },
  build: {
    outDir: "../facade/web/graphiql",
    emptyOutDir: true,
    target: "es2022",
    // The bundle is redistributed in the wheel; the licences of what is in it must travel along.
    license: { fileName: "licenses.md" },
    modulePreload: { polyfill: false },
    // The editor alone is 2.7 MB: one chunk, loaded once.
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      onLog(level, log, handle) {
        // GraphiQL's "use no memo": a hint to a compiler that already ran.
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") handle(level, log);
      },
    },
  },
  server: {
    // The examples are the Python package's own files.
    fs: { allow: [".", "../facade/web/examples"] },
    proxy: {
      "/graphiql/translate": "http://127.0.0.1:8000",
      "/graphql": {
        target: "http://127.0.0.1:8000",
        // A browser that asks for the page itself gets the one under development.
        bypass: (request) => (request.headers.accept?.includes("text/html") ? "/index.html" : undefined),
      },
    },
  },
});
