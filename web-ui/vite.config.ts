import { defineConfig } from "vite";

export default defineConfig({
  base: "/graphiql/",
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
        bypass: (request) => (request.headers.accept?.includes("text/html") ? "/graphiql/index.html" : undefined),
      },
    },
  },
});
