// graphiql.js
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { headers, url } from "./connection.js";

export const fetcher = createGraphiQLFetcher({ url, headers, fetch });
