import { graphql } from "relay-runtime";

export const RowsQuery = graphql`
  query RowsQuery($start: Time!, $first: Int!, $after: String) {
    report(filter: { measurements: [presence], start: $start, value: { gte: 0 } }, window: { every: "1h" }) {
      ...Rows_report @arguments(first: $first, after: $after)
    }
  }
`;

export const RowsFragment = graphql`
  fragment Rows_report on Report @argumentDefinitions(first: { type: "Int!" }, after: { type: "String" }) {
    rows_connection(first: $first, after: $after) @connection(key: "Rows_rows_connection") {
      edges {
        node {
          time
          value
        }
      }
    }
  }
`;
