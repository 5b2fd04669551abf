// connection.js
export const url = process.env.FACADE_URL ?? "http://127.0.0.1:8000/graphql";
export const headers = { Authorization: `Bearer ${process.env.BUTLR_TOKEN}` };
