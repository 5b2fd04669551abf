import "uplot/dist/uPlot.min.css";
import "./chart.css";

import { createRoot } from "react-dom/client";

import { Chart } from "./chart";
import { connect } from "./host";
import { shownOf } from "./series";

const root = createRoot(document.getElementById("root")!);
root.render(<p>Waiting for the answer.</p>);

connect({
  onContext: ({ theme }) => {
    if (theme !== "light" && theme !== "dark") return;
    // As the page marks the theme that was chosen there.
    document.body.classList.remove("graphiql-light", "graphiql-dark");
    document.body.classList.add(`graphiql-${theme}`);
    document.documentElement.dataset.theme = theme;
  },
  onResult: (result) => root.render(<Chart shown={shownOf(result)} />),
  onCancelled: () => root.render(<p>The question was cancelled.</p>),
});
