import * as fc from "fast-check";
import type { Arbitrary } from "fast-check";
import type { Direction } from "../cursor.ts";

/** Random programs against an IndexedDB: schema upgrades, each followed by transactions. */
export type Program = { upgrade: UpgradeOp[]; ending: string; transactions: TransactionPlan[] }[];

export type UpgradeOp =
    | { kind: "createStore"; store: string; keyPath: unknown; autoIncrement: boolean }
    | { kind: "deleteStore"; store: string }
    | { kind: "renameStore"; store: string; to: string }
    | { kind: "createIndex"; store: string; index: string; keyPath: unknown; unique: boolean; multiEntry: boolean }
    | { kind: "deleteIndex"; store: string; index: string }
    | { kind: "renameIndex"; store: string; index: string; to: string }
    | { kind: "request"; store: string; op: Op };

export interface TransactionPlan {
    stores: string[];
    mode: "readonly" | "readwrite";
    ops: { store: string; op: Op }[];
    /** Each request is placed when the one before it has succeeded; otherwise all at once. */
    chained: boolean;
    ending: string;
}

export interface Op {
    kind: "put" | "add" | "delete" | "clear" | "get" | "getKey" | "count" | "getAll" | "getAllKeys" | "cursor";
    index: string | undefined;
    value: unknown;
    key: { given: boolean; key: unknown };
    query: Query;
    count: number | undefined;
    prevent: boolean;
    walk: CursorPlan;
}

export interface Query {
    kind: "none" | "key" | "only" | "lower" | "upper" | "bound";
    lower: unknown;
    upper: unknown;
    lowerOpen: boolean;
    upperOpen: boolean;
}

export interface CursorPlan {
    direction: Direction;
    withValue: boolean;
    steps: CursorStep[];
}

export interface CursorStep {
    update: boolean;
    remove: boolean;
    value: unknown;
    move: "continue" | "advance" | "key" | "primary";
    count: number;
    key: unknown;
    primaryKey: unknown;
}

const storeName = fc.constantFrom("a", "b");
const indexName = fc.constantFrom("i", "j");

const simpleKey = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 4 }) },
    fc.constantFrom(-1, -0, 0.5, -1.5, Infinity, -Infinity, 2 ** 53),
    {
        weight: 3,
        arbitrary: fc.constantFrom(
            "",
            "a",
            "ab",
            "b",
            "\0",
            "\u0001",
            "\u007f",
            "\u0080",
            "é",
            "\u4100",
            "\uffff",
            "\ud800",
            "😀",
        ),
    },
    fc.constantFrom(-1, 0, 1e12).map((time) => new Date(time)),
    fc.uint8Array({ maxLength: 3 }).map((bytes) => Uint8Array.from(bytes).buffer),
);
const invalidKey = fc.constantFrom<unknown>(NaN, null, true, undefined, {});
const validKey = fc.oneof({ weight: 5, arbitrary: simpleKey }, fc.array(simpleKey, { maxLength: 2 }));
const anyKey: Arbitrary<unknown> = fc.oneof({ weight: 12, arbitrary: validKey }, invalidKey);

const value: Arbitrary<unknown> = fc.oneof(
    {
        weight: 9,
        arbitrary: fc.record(
            {
                id: anyKey,
                n: anyKey,
                x: fc.record({ y: anyKey }, { requiredKeys: [] }),
                tags: fc.array(anyKey, { maxLength: 3 }),
                v: fc.nat(9),
            },
            { requiredKeys: ["v"] },
        ),
    },
    fc.oneof(fc.array(simpleKey, { maxLength: 2 }), fc.string({ maxLength: 3 }), fc.nat(3)),
);

const keyPath = fc.constantFrom<unknown>("id", "n", "x.y", "tags", "", ["id", "n"], ["x.y", "tags"], "v", "not valid");

const query: Arbitrary<Query> = fc.record({
    kind: fc.constantFrom("none", "key", "key", "only", "lower", "upper", "bound"),
    lower: anyKey,
    upper: anyKey,
    lowerOpen: fc.boolean(),
    upperOpen: fc.boolean(),
});

const walk: Arbitrary<CursorPlan> = fc.record({
    direction: fc.constantFrom("next", "prev", "nextunique", "prevunique"),
    withValue: fc.boolean(),
    steps: fc.array(
        fc.record({
            update: fc.boolean(),
            remove: fc.boolean(),
            value,
            move: fc.constantFrom("continue", "continue", "advance", "key", "primary"),
            count: fc.nat(3),
            key: anyKey,
            primaryKey: anyKey,
        }),
        { maxLength: 5 },
    ),
});

const op: Arbitrary<Op> = fc.record({
    kind: fc.constantFrom(
        "put",
        "put",
        "put",
        "add",
        "add",
        "delete",
        "clear",
        "get",
        "getKey",
        "count",
        "getAll",
        "getAllKeys",
        "cursor",
        "cursor",
    ),
    index: fc.option(indexName, { nil: undefined, freq: 2 }),
    value,
    key: fc.record({ given: fc.boolean(), key: anyKey }),
    query,
    count: fc.constantFrom(undefined, 0, 1, 2),
    prevent: fc.boolean(),
    walk,
});

const upgradeOp: Arbitrary<UpgradeOp> = fc.oneof(
    {
        weight: 3,
        arbitrary: fc.record({
            kind: fc.constant("createStore"),
            store: storeName,
            keyPath: fc.oneof({ weight: 3, arbitrary: fc.constant<unknown>(undefined) }, keyPath),
            autoIncrement: fc.boolean(),
        }),
    },
    {
        weight: 3,
        arbitrary: fc.record({
            kind: fc.constant("createIndex"),
            store: storeName,
            index: indexName,
            keyPath,
            unique: fc.boolean(),
            multiEntry: fc.boolean(),
        }),
    },
    fc.record({ kind: fc.constant("deleteStore"), store: storeName }),
    fc.record({ kind: fc.constant("renameStore"), store: storeName, to: storeName }),
    fc.record({ kind: fc.constant("deleteIndex"), store: storeName, index: indexName }),
    fc.record({ kind: fc.constant("renameIndex"), store: storeName, index: indexName, to: indexName }),
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("request"), store: storeName, op }) },
);

const transaction: Arbitrary<TransactionPlan> = fc.record({
    stores: fc.constantFrom(["a"], ["b"], ["a", "b"]),
    mode: fc.constantFrom("readonly", "readwrite", "readwrite", "readwrite"),
    ops: fc.array(fc.record({ store: storeName, op }), { maxLength: 8 }),
    chained: fc.boolean(),
    ending: fc.constantFrom("none", "none", "none", "commit", "abort"),
});

const first: UpgradeOp[] = ["a", "b"].map((store) => ({
    kind: "createStore",
    store,
    keyPath: undefined,
    autoIncrement: store === "b",
}));

export const program: Arbitrary<Program> = fc
    .array(
        fc.record({
            upgrade: fc.array(upgradeOp, { maxLength: 6 }),
            ending: fc.constantFrom("none", "none", "none", "abort"),
            transactions: fc.array(transaction, { maxLength: 4 }),
        }),
        { minLength: 1, maxLength: 3 },
    )
    .map((parts) =>
        parts.map((part, i) =>
            i === 0 ? { ...part, upgrade: [...part.upgrade.slice(0, 2), ...first, ...part.upgrade.slice(2)] } : part,
        ),
    );
