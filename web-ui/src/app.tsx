import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { useEffect, useMemo, useRef, useState } from "react";

import { Bar } from "./bar";
import { firstTab } from "./examples";
import { ExamplesMenu } from "./examples-menu";
import { createFetcher } from "./fetcher";
import { FromRest } from "./from-rest";
import { Results, TABS } from "./results/results";
import { onSystemTheme } from "./results/theme";
import { sharedOf } from "./share";
import { Shortcuts } from "./shortcuts";
import { storage } from "./storage";

const plugins = [HISTORY_PLUGIN, explorerPlugin()];
const shared = sharedOf(window.location);
const sharedTab = TABS.find((name) => name === shared?.tab) ?? null;
// Once it is in the editor it changes there; the address would go on naming what it was.
if (shared) window.history.replaceState(null, "", window.location.pathname);

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
        defaultTabs={[shared ? { query: shared.query, variables: shared.variables ?? null } : firstTab]}
        {...(shared ? { initialQuery: shared.query, initialVariables: shared.variables } : {})}
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
              <ExamplesMenu />
              <Shortcuts />
              <FollowsSystem />
            </>
          )}
        </GraphiQL.Toolbar>
        <GraphiQL.Footer>
          <Results token={token} first={sharedTab} onStatus={setStatus} />
        </GraphiQL.Footer>
      </GraphiQL>
    </>
  );
}

/** The editor's theme changes with the system's while the page is open, unless one was chosen. */
function FollowsSystem() {
  const theme = useGraphiQL((state) => state.theme);
  const { setTheme } = useGraphiQLActions();
  useEffect(() => (theme ? undefined : onSystemTheme(() => setTheme(null))), [theme, setTheme]);
  return null;
}
