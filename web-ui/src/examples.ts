import firstLook from "../../facade/web/examples/first-look.graphql?raw";
import footfall from "../../facade/web/examples/footfall.graphql?raw";
import hives from "../../facade/web/examples/hives.graphql?raw";
import positions from "../../facade/web/examples/positions.graphql?raw";
import restBody from "../../facade/web/examples/rest-body.graphql?raw";
import restBodyVariables from "../../facade/web/examples/rest-body.json?raw";
import roomsToday from "../../facade/web/examples/rooms-today.graphql?raw";

/** The tabs of a first visit; GraphiQL names each by its operation and opens the first. */
export const examples = [
  { query: firstLook },
  { query: roomsToday },
  { query: hives },
  { query: footfall },
  { query: positions },
  { query: restBody, variables: restBodyVariables },
];
