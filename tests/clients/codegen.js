// codegen.js
export default {
  // The output of `facade schema --api`: the schema without federation's parts.
  schema: process.env.SCHEMA ?? "schema.graphql",
  documents: ["documents/*.graphql"],
  generates: {
    "generated/": {
      preset: "client",
      presetConfig: { persistedDocuments: { hashAlgorithm: "sha256" } },
      config: {
        strictScalars: true,
        enumsAsTypes: true,
        scalars: {
          Time: { input: "string | number", output: "string" },
          Duration: "string",
          JSON: "unknown",
          InstallationStatus: "string",
          ServiceStatus: "string",
        },
      },
    },
  },
};
