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

export const resolvers = {
  Time: asItIs('Time'),
  JSON: asItIs('JSON'),
  Query: {
    sensors: async (_, __, { post }) => {
      const answer = await post('/api/v3/reporting', {
        filter: {
          start: '2025-10-07T00:00:00Z',
          stop: '2025-10-14T00:00:00Z',
          measurements: ['presence', 'traffic'],
          value: { gte: 0 },
        },
        window: { every: '1w', function: 'last' },
      });
      return { data: answer.data.map((row) => ({ id: row.sensor_id, mac_address: row.mac_address })) };
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
