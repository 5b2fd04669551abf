// cache.js
import { relayStylePagination } from "@apollo/client/utilities";

// The types that implement `Node`, so that fragments on it match.
export const possibleTypes = { Node: ["Building", "Floor", "Hive", "Room", "Sensor", "Site", "Tag", "Zone"] };

// Objects with an `id`, such as assets, are normalised by it. Objects without one stay within their field: lists of the
// native API are merged field by field, reports are kept by their arguments.
const merged = { merge: true };
export const typePolicies = {
  Sites: merged, Buildings: merged, Floors: merged, Rooms: merged, Zones: merged, Sensors: merged, Hives: merged,
  Address: merged, Area: merged, Capacity: merged, MetaData: merged,
  Report: { merge: true, fields: { rows_connection: relayStylePagination() } },
  DetectionSet: merged,
  Query: {
    fields: Object.fromEntries(
      ["Site", "Building", "Floor", "Room", "Zone", "Sensor", "Hive"].map((type) => [
        type.toLowerCase(),
        // What a list has brought already is not asked for once more.
        (known, { args, toReference }) => known ?? (args?.id && toReference({ __typename: type, id: args.id })),
      ]),
    ),
  },
};
