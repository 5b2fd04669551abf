// Prints a line of JSON for each audit: node audit.js URL
import { auditServer } from "graphql-http";

const url = process.argv[2];
for (const { id, name, status, reason } of await auditServer({ url })) {
  console.log(JSON.stringify({ id, name, status, reason }));
}
