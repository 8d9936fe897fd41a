import type { z } from "zod";
import { describe, pathText, type Problem } from "./problems.ts";
import { secretPaths, settingPaths, settingsSchema } from "./schema.ts";
import { isTree, type Source, valueAt } from "./source.ts";
import { closest } from "./suggest.ts";

type Issue = z.core.$ZodIssue;

/**
 * Checks what one source says; each mistake gets the place where the source has it, and they come in the order of the
 * places.
 */
export function validate(source: Source): readonly Problem[] {
    const issues = settingsSchema.safeParse(source.values).error?.issues ?? [];
    const problems = issues.flatMap((issue) =>
        issue.code === "unrecognized_keys" ? unknownNames(issue, source) : [wrongValue(issue, source)],
    );
    const first = new Map(problems.toReversed().map((problem) => [`${problem.place} ${problem.path}`, problem]));
    return [...first.values()].toSorted((a, b) => a.place.localeCompare(b.place, "en", { numeric: true }));
}

function unknownNames(issue: z.core.$ZodIssueUnrecognizedKeys, source: Source): readonly Problem[] {
    return issue.keys.map((key) => {
        const path = [...issue.path, key];
        const meant = meantSetting(issue.path, key);
        return {
            place: source.place(path, "name"),
            path: pathText(path),
            found: "an unknown setting",
            expected: "one that the example lists",
            ...(meant === undefined ? {} : { suggestion: meant }),
        };
    });
}

/** The setting that `key` may have meant: a neighbour, or one of the same name elsewhere. */
function meantSetting(group: readonly PropertyKey[], key: string): string | undefined {
    const all = settingPaths().map(({ path }) => path);
    const home = group[0] === "rooms" ? ["sharing", ...group.slice(2).map(String)] : group.map(String);
    const beside = all.filter((path) => path.length > home.length && home.every((part, index) => path[index] === part));
    const neighbours = [
        ...new Set(beside.map((path) => path[home.length] ?? "")),
        ...(home.length === 0 ? ["rooms"] : []),
    ];
    const neighbour = closest(key, neighbours);
    if (neighbour !== undefined) return pathText([...group, neighbour]);
    const elsewhere =
        all.find((path) => path.at(-1) === key) ?? all.find((path) => path.join("_") === key || path.join(".") === key);
    return elsewhere?.join(".");
}

function wrongValue(issue: Issue, source: Source): Problem {
    const found = valueAt(source.values, issue.path);
    const isKey = issue.code === "invalid_key";
    const expected = isKey ? (issue.issues[0]?.message ?? issue.message) : issue.message;
    const value = isKey ? issue.path.at(-1) : found;
    const meant = typeof found === "string" ? meantValue(issue, found) : undefined;
    return {
        place: source.place(issue.path, isKey ? "name" : "value"),
        path: pathText(issue.path),
        found: describe(value, { kindOnly: isSecret(issue.path) || expectsGroup(issue) }),
        expected,
        ...(meant === undefined ? {} : { suggestion: meant }),
    };
}

const isSecret = (path: readonly PropertyKey[]) =>
    path.some((_, index) => secretPaths.has(pathText(path.slice(0, index + 1))));
/** A text where a group belongs may be a password with its colon forgotten. */
const expectsGroup = (issue: Issue) =>
    issue.code === "invalid_type" && ["object", "record", "array"].includes(issue.expected);

function meantValue(issue: Issue, found: string): string | undefined {
    if (issue.code === "invalid_value") return closest(found, issue.values.map(String));
    if (pathText(issue.path) === "homeserver.url" && /^[A-Za-z0-9.-]+\.[A-Za-z]{2,}(:\d+)?\/?$/.test(found))
        return JSON.stringify(`https://${found}`);
    return undefined;
}

/** Whether the source sets `path`, rightly or not. */
export function sets(source: Source, path: readonly string[]): boolean {
    const value = valueAt(source.values, path);
    return value !== undefined && value !== null && (!isTree(value) || Object.keys(value).length > 0);
}
