// urql.js
import { Client, fetchExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { headers, url } from "./connection.js";

// Types without an id, which are stored within their parent.
const without = [
  "Address", "Area", "AssetStats", "Buildings", "Capacity", "Detection", "DetectionSet", "FloorPlan", "Floors",
  "Freshness", "GroupKey", "Hives", "MetaData", "Occupancy", "PageInfo", "Point", "Report", "ReportGroup",
  "ReportRow", "ReportRowConnection", "ReportRowEdge", "Rooms", "Sensors", "Series", "Session", "Sites",
  "Statistics", "StatsValue", "Zones",
];

export const client = new Client({
  url,
  fetchOptions: { headers },
  preferGetMethod: false,
  exchanges: [
    cacheExchange({
      keys: Object.fromEntries(without.map((type) => [type, () => null])),
      resolvers: { Report: { rows_connection: relayPagination() } },
    }),
    fetchExchange,
  ],
});
