import { createHash } from "node:crypto";

import { defineConfig, type Plugin } from "vite";

const hashed = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** One HTML file that holds its script and its styles, and a policy that lets nothing else run or load. */
function single(): Plugin {
  return {
    name: "single",
    enforce: "post",
    generateBundle(_options, bundle) {
      const files = Object.values(bundle);
      const page = files.find((file) => file.fileName.endsWith(".html"));
      if (page?.type !== "asset") return this.error("there is no page");
      const scripts = files.flatMap((file) => (file.type === "chunk" ? [file.code.replaceAll("</script", "<\\/script")] : []));
      const styles = files.flatMap((file) => (file.fileName.endsWith(".css") && file.type === "asset" ? [String(file.source)] : []));
      if (scripts.length !== 1 || styles.length !== 1) {
        return this.error(`${scripts.length} scripts and ${styles.length} style sheets: one of each fits into the page`);
      }
      const [script, style] = [scripts[0]!, styles[0]!];
      const policy = `default-src 'none'; script-src ${hashed(script)}; style-src ${hashed(style)}; base-uri 'none'; form-action 'none'`;
      page.source = String(page.source)
        .replace(/\s*<(script|link)\b[^>]*(src|href)="[^"]*"[^>]*>(<\/script>)?/g, "")
        // By functions: what a bundle holds of `$&` is no pattern.
        .replace('<meta charset="utf-8" />', (meta) => `${meta}\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`)
        .replace("</head>", (end) => `  <style>${style}</style>\n  ${end}`)
        .replace("</body>", (end) => `  <script type="module">${script}</script>\n  ${end}`);
      for (const file of files) if (file !== page) delete bundle[file.fileName];
    },
  };
}

/** The chart that assistants show: beside the page's files, so that both are shipped alike. */
export default defineConfig({
  base: "./",
  publicDir: false,
  plugins: [single()],
  build: {
    outDir: "../facade/web/graphiql",
    emptyOutDir: false,
    target: "es2022",
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    rolldownOptions: { input: "chart.html" },
  },
});
