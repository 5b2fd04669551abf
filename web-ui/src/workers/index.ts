import type {} from "monaco-editor";

// Instead of `graphiql/setup-workers/vite`, which breaks Vite's dev server: the workers must be
// this project's own modules for it to serve them, and be named before the editor loads.
import EditorWorker from "./editor?worker";
import GraphQLWorker from "./graphql?worker";
import JsonWorker from "./json?worker";

window.MonacoEnvironment = {
  getWorker(_id: string, label: string): Worker {
    switch (label) {
      case "graphql":
        return new GraphQLWorker();
      case "json":
        return new JsonWorker();
      default:
        return new EditorWorker();
    }
  },
};
