import {
  Kind,
  parse,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from "graphql";

import type { Operation } from "./answers";

/** What an operation selects, by the keys of its answer. */
export class Selected {
  private readonly document: DocumentNode | null;
  private readonly root: SelectionSetNode | null;

  constructor({ query, operationName }: Operation) {
    try {
      this.document = parse(query);
    } catch {
      // The server has said what is wrong with it.
      this.document = null;
    }
    const operations = this.document?.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION) ?? [];
    const operation = operations.find((one) => one.name?.value === operationName) ?? operations[0];
    this.root = operation?.selectionSet ?? null;
  }

  /** The fields that stand at each key on the way, the root's first. */
  along(keys: string[]): FieldNode[][] {
    let level = this.root ? [this.root] : [];
    return keys.map((key) => {
      const fields = level.flatMap((set) => this.fields(set, key));
      level = fields.flatMap((field) => field.selectionSet ?? []);
      return fields;
    });
  }

  /** Whether a field is a scalar: JSON, whatever it looks like. */
  isLeaf(keys: string[]): boolean {
    const fields = this.along(keys).at(-1) ?? [];
    return fields.length > 0 && fields.every((field) => !field.selectionSet);
  }

  private fields(set: SelectionSetNode, key: string): FieldNode[] {
    return set.selections.flatMap((one) => {
      if (one.kind === Kind.FIELD) return (one.alias ?? one.name).value === key ? [one] : [];
      if (one.kind === Kind.INLINE_FRAGMENT) return this.fields(one.selectionSet, key);
      const fragment = this.document!.definitions.find(
        (definition): definition is FragmentDefinitionNode =>
          definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === one.name.value,
      );
      return fragment ? this.fields(fragment.selectionSet, key) : [];
    });
  }
}
