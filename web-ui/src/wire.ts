/** The bytes of the body of an answer to what was sent at `began` or later, as they came: known once all have come. */
export function bytesOnTheWire(response: Response, began: number): Promise<number> {
  const told = Number(response.headers.get("Content-Length"));
  if (told) return Promise.resolve(told);
  return new Promise((resolve) => {
    // An observer and not `getEntriesByName`: the browser keeps the first 250 entries, and tells of all.
    const observer = new PerformanceObserver((list) => {
      const entry = (list.getEntries() as PerformanceResourceTiming[]).find(
        ({ name, startTime }) => name === response.url && startTime >= began,
      );
      if (!entry) return;
      observer.disconnect();
      resolve(entry.encodedBodySize);
    });
    observer.observe({ type: "resource", buffered: true });
  });
}
