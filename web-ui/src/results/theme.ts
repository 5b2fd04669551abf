import { useEffect, useState } from "react";

const system = window.matchMedia("(prefers-color-scheme: dark)");

function current(): "light" | "dark" {
  if (document.body.classList.contains("graphiql-dark")) return "dark";
  if (document.body.classList.contains("graphiql-light")) return "light";
  return system.matches ? "dark" : "light";
}

/** The theme that counts now: the one chosen, else the system's. */
export function useTheme(): "light" | "dark" {
  const [theme, setTheme] = useState(current);
  useEffect(() => {
    const changed = () => setTheme(current());
    const observer = new MutationObserver(changed);
    observer.observe(document.body, { attributeFilter: ["class"] });
    system.addEventListener("change", changed);
    return () => {
      observer.disconnect();
      system.removeEventListener("change", changed);
    };
  }, []);
  return theme;
}

/** Tell of each change of the system's theme. */
export function onSystemTheme(changed: () => void): () => void {
  system.addEventListener("change", changed);
  return () => system.removeEventListener("change", changed);
}

/** What canvases are drawn with. */
export function colours(theme: "light" | "dark") {
  return theme === "dark"
    ? {
        text: "#d5dce8", quiet: "#9fb0c8", line: "#3d4b62", grid: "#2a3648", back: "#10161f", empty: "#1a2433",
        stroke: "#2bb3bd", fill: "rgb(43 179 189 / 22%)", capacity: "#ffb454", hatch: "#9fb0c8", dot: "#8ab4ff",
        scale: ["#17414b", "#1d6570", "#238a92", "#49b3a4", "#97d07b", "#f2d95c", "#ff9b54"],
      }
    : {
        text: "#263245", quiet: "#526077", line: "#8a97aa", grid: "#e3e8ef", back: "#ffffff", empty: "#eef2f7",
        stroke: "#0b6e75", fill: "rgb(11 110 117 / 14%)", capacity: "#b45309", hatch: "#526077", dot: "#1d4ed8",
        scale: ["#c9ecec", "#98d9d5", "#5fc1b8", "#2f9d8f", "#c0b92c", "#e08a1e", "#b9331d"],
      };
}

/** The colour of a share from 0 to 1; nothing at all has the colour of emptiness. */
export function shade(share: number, theme: ReturnType<typeof colours>): string {
  if (share <= 0) return theme.empty;
  return theme.scale[Math.min(theme.scale.length - 1, Math.floor(share * theme.scale.length))]!;
}
