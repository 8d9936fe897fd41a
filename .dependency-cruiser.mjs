// Who may import whom in src/. A folder imports lower layers only; folders of one layer are peers and do not
// import each other; from outside, a folder is its index.ts. See docs/understand/overview.md for the picture.
const layers = [
    ["main"],
    ["cli"],
    ["bot"],
    ["control", "chat", "sync"],
    ["sharing", "receiving", "account"],
    ["timeline"],
    ["rooms", "crypto", "homeserver"],
    ["due", "texts"],
    ["database", "sealing", "config", "telemetry", "snapshot"],
    ["failures", "matrix"],
];

/** A part of src/: a folder, or a file at its top that has the part's name (with its test). */
const part = (names) => `^src/(${names.join("|")})(/|\\.(test\\.)?ts$)`;

const direction = layers.map((names, level) => ({
    name: `direction-${names.join("-")}`,
    comment: `${names.join(", ")} may import lower layers only, and none of its peers`,
    severity: "error",
    from: { path: part(names) },
    to: {
        path: "^src/",
        pathNot: [
            "^src/$1(/|\\.ts$)",
            ...(level + 1 < layers.length ? [part(layers.slice(level + 1).flat())] : []),
            "^src/indexeddb/",
        ],
    },
}));

/** The flows inside the crypto worker, the highest first. What lies in `machine/` itself puts them together. */
const flows = ["bundle", "exchange", "entries", "store"];

const flowDirection = flows.map((name, level) => ({
    name: `machine-direction-${name}`,
    comment: `of ${flows.join(", ")} each may import only what follows it; tests may put everything together`,
    severity: "error",
    from: { path: `^src/crypto/machine/${name}/`, pathNot: ["\\.test\\.ts$"] },
    to: { path: "^src/crypto/machine/", pathNot: [`^src/crypto/machine/(${flows.slice(level).join("|")})/`] },
}));

const rules = [
    ...direction,
    ...flowDirection,
    {
        name: "every-flow-has-a-level",
        comment: "a new folder in src/crypto/machine needs its place in the flows above",
        severity: "error",
        from: {
            path: "^src/crypto/machine/[^/]+/",
            pathNot: [`^src/crypto/machine/(${[...flows, "testing"].join("|")})/`],
        },
        to: {},
    },
    {
        name: "every-part-has-a-layer",
        comment: "a new folder or file at the top of src/ needs its place in the layers above",
        severity: "error",
        from: { path: "^src/", pathNot: [part([...layers.flat(), "indexeddb"])] },
        to: {},
    },
    {
        name: "rooms-of-the-bot-know-no-composition",
        comment: "bot/ puts its folders together: each imports itself and bot/folder/ only; tests may do more",
        severity: "error",
        from: { path: "^src/bot/([^/]+)/", pathNot: ["\\.test\\.ts$", "^src/bot/testing/"] },
        to: { path: "^src/bot/", pathNot: ["^src/bot/($1|folder)/"] },
    },
    {
        name: "indexeddb-knows-nothing-of-us",
        comment: "src/indexeddb could be published on its own",
        severity: "error",
        from: { path: "^src/indexeddb/" },
        to: { path: "^src/", pathNot: ["^src/indexeddb/"] },
    },
    {
        name: "only-crypto-uses-indexeddb",
        severity: "error",
        from: { path: "^src/", pathNot: ["^src/(indexeddb|crypto)/"] },
        to: { path: "^src/indexeddb/" },
    },
    {
        name: "folder-only-by-its-index",
        comment: "other folders import only a folder's index.ts",
        severity: "error",
        from: { path: "^src/([^/]+)/" },
        to: { path: "^src/[^/]+/", pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$"] },
    },
    {
        name: "folder-only-by-its-index-from-the-top",
        comment: "main.ts and bot.ts import only a folder's index.ts (main.ts may load a command's file)",
        severity: "error",
        from: { path: "^src/[^/]+\\.ts$" },
        to: { path: "^src/[^/]+/", pathNot: ["^src/[^/]+/index\\.ts$"] },
    },
    {
        name: "one-adapter-for-matrix-bot-sdk",
        comment: "only src/homeserver/client.ts imports matrix-bot-sdk",
        severity: "error",
        from: { path: "^(src|bench|demo)/", pathNot: ["^src/homeserver/client\\.ts$"] },
        to: { path: "(^|/)node_modules/(@vector-im/)?matrix-bot-sdk(/|$)" },
    },
    {
        name: "one-folder-for-the-wasm",
        comment: "only src/crypto/machine imports the OlmMachine",
        severity: "error",
        from: { path: "^src/", pathNot: ["^src/crypto/machine/", "\\.test\\.ts$"] },
        to: { path: "(^|/)node_modules/@matrix-org/matrix-sdk-crypto" },
    },
    {
        name: "no-development-package-at-run-time",
        comment: "what the bot imports must be in dependencies",
        severity: "error",
        from: { path: "^src/", pathNot: ["\\.test\\.ts$", "/testing/"] },
        to: {
            dependencyTypes: ["npm-dev", "npm-optional", "npm-no-pkg", "npm-unknown"],
            dependencyTypesNot: ["type-only"],
        },
    },
    {
        name: "sources-know-no-tests",
        severity: "error",
        from: { path: "^src/", pathNot: ["\\.test\\.ts$"] },
        to: { path: ["^(test|demo|bench)/", "\\.test\\.ts$"] },
    },
    {
        name: "stories-use-the-bot-from-outside",
        comment: "demo and integration tests start the bot as a user would: they import none of it",
        severity: "error",
        from: { path: "^(demo|test)/" },
        to: { path: "^src/" },
    },
    {
        name: "no-cycles",
        comment: "files of one folder may name each other's types; what runs has an order",
        severity: "error",
        from: {},
        to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
        name: "unresolvable",
        severity: "error",
        from: {},
        to: { couldNotResolve: true },
    },
    {
        name: "no-cycles-between-folders",
        comment: "the folders of crypto/machine and of bot/ have rules of their own: tests put everything together",
        scope: "folder",
        severity: "error",
        from: { path: "^src/", pathNot: ["^src/(crypto/machine|bot)/"] },
        to: { circular: true },
    },
];

export default {
    forbidden: rules,
    options: {
        doNotFollow: { path: "node_modules" },
        tsPreCompilationDeps: true,
        tsConfig: { fileName: "tsconfig.json" },
        enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "types", "default"] },
    },
};
