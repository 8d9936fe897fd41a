import { exitCodes } from "../failures/index.ts";

/** One mistake in the configuration, as a person has to read it. */
export interface Problem {
    /** `file:line:column`, `file:line` or the variable's name. */
    readonly place: string;
    /** The setting; undefined if the mistake is not about one. */
    readonly path?: string;
    readonly found: string;
    readonly expected: string;
    readonly suggestion?: string;
}

/** Everything that is wrong with the configuration, at once. No message of it has the value of a secret in it. */
export class ConfigurationError extends Error {
    readonly problems: readonly Problem[];
    readonly exitCode = exitCodes.configuration;

    constructor(problems: readonly Problem[]) {
        const title =
            problems.length === 1
                ? "The configuration has a mistake:"
                : `The configuration has ${problems.length} mistakes:`;
        super([title, ...problems.map((problem) => `  ${sentence(problem)}`)].join("\n"));
        this.name = "ConfigurationError";
        this.problems = problems;
    }
}

function sentence({ place, path, found, expected, suggestion }: Problem): string {
    const about = path === undefined ? "" : `${path}: `;
    const hint = suggestion === undefined ? "" : ` (did you mean ${suggestion}?)`;
    return `${place}: ${about}found ${found}, expected ${expected}${hint}`;
}

const longest = 80;

/** What stood there, for a message. Of secrets, and of groups where a secret may have slipped in, the kind only. */
export function describe(value: unknown, { kindOnly }: { readonly kindOnly: boolean }): string {
    if (value === undefined || value === null) return "nothing";
    if (Array.isArray(value)) return "a list";
    switch (typeof value) {
        case "string":
            return kindOnly ? describeHidden(value) : JSON.stringify(shorten(withoutCredentials(value)));
        case "number":
        case "bigint":
        case "boolean":
            return kindOnly ? `a ${typeof value} (not shown)` : String(value);
        default:
            return "a group of settings";
    }
}

const describeHidden = (value: string) => (value === "" ? "an empty text" : "a text (not shown)");
const shorten = (text: string) => (text.length > longest ? `${text.slice(0, longest)}...` : text);
const withoutCredentials = (text: string) => text.replaceAll(/:\/\/.*@/gs, "://[not shown]@");

/** A setting's path as people write it: `rooms."!a:b".mode`, `admins[0]`. */
export function pathText(path: readonly PropertyKey[]): string {
    return path.reduce<string>((text, part) => {
        if (typeof part === "number") return `${text}[${part}]`;
        const name = shorten(String(part));
        const plain = /^\w+$/.test(name) ? name : JSON.stringify(name);
        return text === "" ? plain : `${text}.${plain}`;
    }, "");
}
