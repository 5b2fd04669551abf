// cache.js
import { relayStylePagination } from "@apollo/client/utilities";

// What implements `Node`, so that fragments on it match.
export const possibleTypes = { Node: ["Building", "Floor", "Hive", "Room", "Sensor", "Site", "Tag", "Zone"] };

// Assets are kept by their `id`, as everything that has one. What has none stays within the field that it came from:
// lists of the native API are put together field by field, reports by their arguments.
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
