// What both peers are made of: the schema, and a resolver map over a reader of the upstream.
import DataLoader from 'dataloader';
import { GraphQLScalarType } from 'graphql';

export const typeDefs = /* GraphQL */ `
  scalar Time
  scalar JSON
  enum Measurement { presence traffic }
  enum WindowFunction { max mean last }
  input IdFilter { eq: [ID!]! }
  input ReportFilter { start: Time! stop: Time! measurements: [Measurement!]! sensors: IdFilter }
  input ReportWindow { every: String! function: WindowFunction! }
  type ReportRow { time: Time value: Float sensor_id: ID room_id: ID measurement: String }
  type Report { rows: [ReportRow!]! }
  type Detection { mac_address: String value: JSON }
  type DetectionSet { detections_local: [Detection!]! }
  type Sensor { id: ID! mac_address: String! detections(start: Time!, stop: Time!): DetectionSet! }
  type Sensors { data: [Sensor!]! }
  type Query {
    sensors: Sensors!
    report(filter: ReportFilter!, window: ReportWindow!): Report!
  }
`;

const asItIs = (name) => new GraphQLScalarType({ name, serialize: (value) => value, parseValue: (value) => value });

const HALF_HOUR = 1_800_000;
const LANDING = 7_200_000;
const HALF_DAY = 43_200_000;
const WEEK = 604_800_000;

// The bodies of the calls that name all sensors of a week, as week.py has them.
function ofAWeek() {
  const now = Date.now();
  const floor = (moment, step) => moment - (moment % step);
  const landed = floor(now - LANDING, HALF_DAY);
  const spans = [
    [floor(now - WEEK, HALF_DAY), landed, '12h'],
    [landed, floor(now, HALF_HOUR), '30m'],
  ];
  return spans.map(([start, stop, every]) => ({
    filter: {
      start: new Date(start).toISOString(),
      stop: new Date(stop).toISOString(),
      measurements: ['presence', 'traffic'],
      value: { gte: 0 },
    },
    window: { every, function: 'last' },
  }));
}

export const resolvers = {
  Time: asItIs('Time'),
  JSON: asItIs('JSON'),
  Query: {
    sensors: async (_, __, { post }) => {
      const answers = await Promise.all(ofAWeek().map((body) => post('/api/v3/reporting', body)));
      const macs = new Map(answers.flatMap(({ data }) => data.map((row) => [row.sensor_id, row.mac_address])));
      return { data: [...macs].map(([id, mac_address]) => ({ id, mac_address })) };
    },
    report: async (_, { filter, window }, { post }) => {
      const answer = await post('/api/v3/reporting', { filter, window });
      return { rows: answer.data };
    },
  },
  Sensor: {
    detections: (sensor, span, { detections }) => detections.load({ mac: sensor.mac_address, ...span }),
  },
};

// One call for all sensors that are asked for the same span.
export function detectionsLoader(post) {
  return new DataLoader(
    async (keys) => {
      const spans = new Map();
      for (const { mac, start, stop } of keys) {
        const span = `${start} ${stop}`;
        if (!spans.has(span)) spans.set(span, { start, stop, macs: [] });
        spans.get(span).macs.push(mac);
      }
      const found = new Map();
      await Promise.all(
        [...spans].map(async ([span, { start, stop, macs }]) => {
          const answer = await post('/api/v3/detections', {
            data_types: ['detections_local'],
            filter: { start, stop, mac_addresses: macs },
          });
          for (const entry of answer.detections_local) {
            const key = `${entry.mac_address} ${span}`;
            if (!found.has(key)) found.set(key, []);
            found.get(key).push(entry);
          }
        }),
      );
      return keys.map(({ mac, start, stop }) => ({ detections_local: found.get(`${mac} ${start} ${stop}`) ?? [] }));
    },
    { cacheKeyFn: ({ mac, start, stop }) => `${mac} ${start} ${stop}` },
  );
}
