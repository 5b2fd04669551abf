// Hive Gateway over its JSON-schema handler: one subgraph that is described and not written.
import { createServer } from 'node:http';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { composeSubgraphs } from '@graphql-mesh/fusion-composition';
import { useResponseCache } from '@graphql-yoga/plugin-response-cache';
import { loadNonExecutableGraphQLSchemaFromJSONSchemas } from '@omnigraph/json-schema';

const string = { type: 'string' };
const number = { type: 'number' };
const list = (items) => ({ type: 'array', items });
const object = (title, properties) => ({ type: 'object', title, properties });
const oneOf = (title, ...values) => ({ type: 'string', title, enum: values });

const butlr = await loadNonExecutableGraphQLSchemaFromJSONSchemas('Butlr', {
  endpoint: process.env.UPSTREAM,
  operationHeaders: { authorization: '{context.headers.authorization}' },
  operations: [
    {
      type: 'Query',
      field: 'report',
      method: 'POST',
      path: '/api/v3/reporting',
      requestSchema: object('ReportRequest', {
        filter: object('ReportFilter', {
          start: string,
          stop: string,
          measurements: list(oneOf('Measurement', 'presence', 'traffic')),
          sensors: object('IdFilter', { eq: list(string) }),
          value: object('ValueFilter', { gte: number }),
        }),
        window: object('ReportWindow', { every: string, function: oneOf('WindowFunction', 'max', 'mean', 'last') }),
      }),
      responseSchema: object('Report', {
        data: list(
          object('ReportRow', {
            time: string,
            value: number,
            sensor_id: string,
            room_id: string,
            measurement: string,
            mac_address: string,
          }),
        ),
      }),
    },
    {
      type: 'Query',
      field: 'detections',
      method: 'POST',
      path: '/api/v3/detections',
      requestSchema: object('DetectionRequest', {
        data_types: list(string),
        filter: object('DetectionFilter', { start: string, stop: string, mac_addresses: list(string) }),
      }),
      responseSchema: object('DetectionSet', {
        detections_local: list(object('Detection', { mac_address: string, value: { title: 'JSON' } })),
      }),
    },
  ],
});

const gateway = createGatewayRuntime({
  supergraph: composeSubgraphs([{ name: 'Butlr', schema: butlr }]).supergraphSdl,
  transports: { rest: import('@graphql-mesh/transport-rest') },
  additionalTypeDefs: /* GraphQL */ `
    extend type ReportRow {
      detections(start: String!, stop: String!): DetectionSet
    }
  `,
  additionalResolvers: {
    ReportRow: {
      detections: {
        selectionSet: '{ mac_address }',
        // The gateway makes one call of all keys; they have one span, for it is one field of one operation.
        resolve: (row, span, context, info) =>
          context.Butlr.Query.detections({
            root: row,
            context,
            info,
            key: row.mac_address,
            argsFromKeys: (macs) => ({
              input: { data_types: ['detections_local'], filter: { ...span, mac_addresses: macs } },
            }),
            selectionSet: '{ detections_local { mac_address value } }',
            valuesFromResults: ({ detections_local: found }, macs) => {
              const ofMac = new Map(macs.map((mac) => [mac, []]));
              for (const entry of found) ofMac.get(entry.mac_address).push(entry);
              return macs.map((mac) => ({ detections_local: ofMac.get(mac) }));
            },
          }),
      },
    },
  },
  plugins: () => [useResponseCache({ session: (request) => request.headers.get('authorization'), ttl: 600_000 })],
  logging: false,
  landingPage: false,
  graphiql: false,
});
createServer(gateway).listen(Number(process.env.PORT), '127.0.0.1');
