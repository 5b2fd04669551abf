import firstLook from "../../facade/web/examples/first-look.graphql?raw";
import footfall from "../../facade/web/examples/footfall.graphql?raw";
import hives from "../../facade/web/examples/hives.graphql?raw";
import peopleNow from "../../facade/web/examples/people-now.graphql?raw";
import positions from "../../facade/web/examples/positions.graphql?raw";
import restBody from "../../facade/web/examples/rest-body.graphql?raw";
import restBodyVariables from "../../facade/web/examples/rest-body.json?raw";
import roomsToday from "../../facade/web/examples/rooms-today.graphql?raw";

export interface Example {
  /** What it answers, in words. */
  question: string;
  query: string;
  variables?: string;
}

/** Each reads back far enough to show values at any hour of any day. */
export const examples: Example[] = [
  { question: "First look: which sensors are there, and what did they see?", query: firstLook },
  { question: "Rooms today: how full was each room, hour by hour?", query: roomsToday },
  { question: "Positions: where on each floor do people stay, and how long?", query: positions },
  { question: "People now: how full is each room, as it changes?", query: peopleNow },
  { question: "Footfall: how many people came and went at each entrance?", query: footfall },
  { question: "Hives: which sensors report to which hive?", query: hives },
  { question: "REST body: how does a body of /api/v3/reporting go as GraphQL?", query: restBody, variables: restBodyVariables },
];

/** What a first visit opens. */
export const firstTab = { query: firstLook };
