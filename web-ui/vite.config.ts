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

/** What libraries do wrong, and what stands in its place. */
const MENDED = [
  {
    // Completions come in the schema's order, the eleventh too: numbers are sorted as texts.
    file: /graphql-language-service.*getAutocompleteSuggestions\.js$/,
    written: "sortText: String(index) + field.name",
    instead: 'sortText: String(index).padStart(4, "0") + field.name',
  },
  {
    // The Explorer knows no lists: it shows nothing of one, and the first letter typed takes its place.
    file: /graphiql-explorer\/dist\/Explorer\.js$/,
    written: "if (argValue.kind === 'Variable') {\n          input =",
    instead: `if (argValue.kind === 'ListValue') {
          var list = (0, _graphql.print)(argValue);
          input = React.createElement('input', {
            type: 'text',
            'aria-label': arg.name,
            style: { border: 'none', borderBottom: '1px solid #888', width: Math.min(30, list.length + 1) + 'ch', color: styleConfig.colors.string },
            ref: function ref(field) {
              if (field && field !== document.activeElement) field.value = list;
            },
            onChange: function onChange(event) {
              try {
                var typed = (0, _graphql.parseValue)(event.target.value, { noLocation: true });
                if (typed.kind === 'ListValue') _this6.props.setArgValue(typed);
              } catch (unfinished) {}
            }
          });
        } else if (argValue.kind === 'Variable') {
          input =`,
  },
];

function mended(): Plugin {
  return {
    name: "mended",
    enforce: "pre",
    transform(code, id) {
      const found = MENDED.find(({ file }) => file.test(id.split("?")[0]!));
      if (!found) return null;
      if (!code.includes(found.written)) this.error(`${id} no longer says ${found.written}`);
      return { code: code.replace(found.written, () => found.instead), map: null };
    },
  };
}

export default defineConfig({
  // Relative: a proxy may put any prefix before the page and its files.
  base: "./",
  plugins: [mended(), compressed()],
  worker: { plugins: () => [mended()] },
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
