import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { GraphiQL } from "graphiql";
import { useMemo, useRef, useState } from "react";

import { Bar } from "./bar";
import { examples } from "./examples";
import { createFetcher } from "./fetcher";
import { FromRest } from "./from-rest";
import { storage } from "./storage";

const plugins = [HISTORY_PLUGIN, explorerPlugin()];

export function App() {
  // Held here and nowhere else: a token ends with the page.
  const [token, setToken] = useState("");
  const [status, setStatus] = useState("");
  const latest = useRef(token);
  latest.current = token;

  // One fetcher for good: GraphiQL reads the schema anew whenever it gets another.
  const fetcher = useMemo(() => createFetcher(() => latest.current), []);

  return (
    <>
      <Bar token={token} status={status} onToken={setToken} onStatus={setStatus} />
      <GraphiQL
        fetcher={fetcher}
        storage={storage}
        plugins={plugins}
        defaultTabs={examples}
        defaultEditorToolsVisibility="variables"
        shouldPersistHeaders={false}
        schemaDescription
        inputValueDeprecation
      >
        <GraphiQL.Logo> </GraphiQL.Logo>
        <GraphiQL.Toolbar>
          {({ prettify, merge, copy }) => (
            <>
              {prettify}
              {merge}
              {copy}
              <FromRest onStatus={setStatus} />
            </>
          )}
        </GraphiQL.Toolbar>
      </GraphiQL>
    </>
  );
}
