import "./workers";

import { createRoot } from "react-dom/client";

import { App } from "./app";

// `graphiql/style.css` would bring a second copy of the editor's styles and 400 kB of fonts.
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./style.css";

createRoot(document.getElementById("root")!).render(<App />);
