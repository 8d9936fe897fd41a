import {
    type Document,
    isAlias,
    isMap,
    isNode,
    isScalar,
    isSeq,
    LineCounter,
    type Pair,
    parseDocument,
    visit,
    type YAMLError,
} from "yaml";
import type { Problem } from "./problems.ts";
import { isTree, type Source } from "./source.ts";

type Place = (offset: number) => string;

/** Reads settings from YAML 1.2. @param file how messages name the text. */
export function yamlSource(text: string, file: string): Source {
    const lines = new LineCounter();
    const document = parseDocument(text, {
        lineCounter: lines,
        prettyErrors: false,
        logLevel: "error",
        schema: "core",
        merge: false,
    });
    const place: Place = (offset) => {
        const { line, col } = lines.linePos(offset);
        return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
    };
    const faults = [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0]);
    const circles = circularAliases(document, place);
    const problems = [
        ...faults.map((fault) => syntaxProblem(fault, place)),
        ...forbiddenNames(document, place),
        ...circles,
    ];
    const broken = faults.some(({ code }) => !recoverable.has(code)) || circles.length > 0;
    const read = broken ? { values: {}, problems: [] } : plainValues(document, place);
    return {
        values: read.values,
        place: (path, part) => place(offsetOf(document, path, part)),
        problems: [...problems, ...read.problems],
        incomplete: broken || read.problems.length > 0,
    };
}

function plainValues(document: Document, place: Place): Pick<Source, "values" | "problems"> {
    const refuse = (found: string) => ({
        values: {},
        problems: [{ place: place(0), found, expected: "groups of settings, like `homeserver:`" }],
    });
    try {
        const values: unknown = document.toJS({ maxAliasCount: 100 });
        if (values === null || values === undefined) return { values: {}, problems: [] };
        return isTree(values) ? { values, problems: [] } : refuse(Array.isArray(values) ? "a list" : "a single value");
    } catch {
        return refuse("aliases (*name) that multiply or lead nowhere");
    }
}

/** Faults after which the text still reads as its author meant it. */
const recoverable: ReadonlySet<string> = new Set(["BAD_SCALAR_START", "TAG_RESOLVE_FAILED", "DUPLICATE_KEY"]);

// The library's own messages quote the text, which may be a password.
const faultTexts: Readonly<Record<string, Pick<Problem, "found" | "expected">>> = {
    BAD_SCALAR_START: {
        found: "a value that begins with @ or a backquote",
        expected: 'such a value in quotes, like "@alice:home.server"',
    },
    TAG_RESOLVE_FAILED: {
        found: "a value that begins with !",
        expected: 'such a value in quotes, like "!room:home.server"',
    },
    DUPLICATE_KEY: { found: "the same setting a second time", expected: "each setting once" },
    TAB_AS_INDENT: { found: "a tab", expected: "spaces in front of a setting" },
    BAD_INDENT: { found: "a line that is not indented like its neighbours", expected: "two spaces for each level" },
    MULTIPLE_DOCS: { found: "a second document (---)", expected: "one document" },
    MISSING_CHAR: {
        found: "an opening quote, bracket or a name without its end",
        expected: "its end: a quote, a bracket or a colon",
    },
    MULTILINE_IMPLICIT_KEY: {
        found: "a name that runs over several lines",
        expected: "a colon after the setting's name",
    },
    BLOCK_AS_IMPLICIT_KEY: {
        found: "a group where a value stands already",
        expected: "a value or a group, and a value with a colon in quotes",
    },
};

function syntaxProblem(fault: YAMLError, place: Place): Problem {
    const { found, expected } = faultTexts[fault.code] ?? {
        found: "a text that does not read as YAML",
        expected: "valid YAML",
    };
    return { place: place(fault.pos[0]), found, expected };
}

/** Names that mean something else to JavaScript. */
function forbiddenNames(document: Document, place: Place): readonly Problem[] {
    const problems: Problem[] = [];
    visit(document, {
        Pair: (_, { key }) => {
            if (isScalar(key) && key.value === "__proto__")
                problems.push({
                    place: place(start(key)),
                    path: "__proto__",
                    found: "an unknown setting",
                    expected: "a setting of the example",
                });
        },
    });
    return problems;
}

/**
 * What stands in itself has no end. An alias means something before it, so a circle always leads to a group or list
 * around it.
 */
function circularAliases(document: Document, place: Place): readonly Problem[] {
    const problems: Problem[] = [];
    visit(document, {
        Alias: (_, alias, around) => {
            const target = alias.resolve(document);
            if (target === undefined || !around.includes(target)) return;
            problems.push({
                place: place(start(alias)),
                found: "an alias (*name) inside of what it stands for",
                expected: "a value",
            });
        },
    });
    return problems;
}

/** Where `path` stands in the text, or as much of it as there is. */
function offsetOf(document: Document, path: readonly PropertyKey[], part: "name" | "value"): number {
    let node = document.contents as unknown;
    let offset = start(node);
    for (const [depth, key] of path.entries()) {
        if (isAlias(node)) node = node.resolve(document);
        const isLast = depth === path.length - 1;
        if (isMap(node)) {
            const pair: Pair | undefined = node.items.find(
                (item) => isScalar(item.key) && String(item.key.value) === String(key),
            );
            if (pair === undefined) break;
            offset = isLast && part === "value" && isPresent(pair.value) ? start(pair.value) : start(pair.key);
            node = pair.value;
        } else if (isSeq(node)) {
            node = node.items[Number(key)];
            offset = node === undefined ? offset : start(node);
        } else break;
    }
    return offset;
}

const isPresent = (node: unknown) => !isScalar(node) || (node.range?.[1] ?? 0) > (node.range?.[0] ?? 0);
const start = (node: unknown) => (isNode(node) ? (node.range?.[0] ?? 0) : 0);
