import { resolve } from "node:path";
import { readSmallFile } from "./files.ts";
import type { Problem } from "./problems.ts";
import { secretPaths, type SettingPath } from "./schema.ts";
import { type Source, type Tree, withValue } from "./source.ts";
import { closest } from "./suggest.ts";

/** Variables as the process or a `.env` file gives them. */
export type Variables = Readonly<Record<string, string | undefined>>;

export const variablePrefix = "BACKSCROLL_";
/** Names the configuration file; not a setting. */
export const configVariable = "BACKSCROLL_CONFIG";

/** The environment variable of a setting: its path. */
export function variableOf(path: readonly PropertyKey[]): string {
    const names = path.filter((part) => typeof part === "string");
    return variablePrefix + names.join("_").toUpperCase();
}

interface Options {
    readonly settings: readonly SettingPath[];
    /** Relative paths in `_FILE` variables start here. */
    readonly workingDirectory: string;
    /** How messages name a variable's place. */
    readonly placeOf: (variable: string) => string;
}

/**
 * Reads settings from variables: `BACKSCROLL_` and the path, or the same with `_FILE` and the name of a file that holds
 * the value.
 */
export function environmentSource(variables: Variables, { settings, workingDirectory, placeOf }: Options): Source {
    const problems: Problem[] = [];
    const places = new Map<string, string>();
    let values: Tree = {};
    for (const setting of settings) {
        const variable = variableOf(setting.path);
        const given = readVariable(variables, variable, setting, workingDirectory);
        places.set(variable, given.name);
        if ("problem" in given)
            problems.push({ place: placeOf(given.name), path: setting.path.join("."), ...given.problem });
        else if (given.text !== undefined) values = withValue(values, setting.path, fromText(given.text, setting));
    }
    return {
        values,
        place: (path) => placeOf(places.get(variableOf(path)) ?? variableOf(path)),
        problems,
        incomplete: problems.length > 0,
    };
}

type Given =
    | { readonly name: string; readonly text: string | undefined }
    | { readonly name: string; readonly problem: Pick<Problem, "found" | "expected"> };

function readVariable(variables: Variables, variable: string, setting: SettingPath, workingDirectory: string): Given {
    const name = `${variable}_FILE`;
    const [text, file] = [variables[variable], variables[name]];
    if (file === undefined || file === "") return { name: variable, text: text === "" ? undefined : text };
    if (text !== undefined && text !== "")
        return { name, problem: { found: `${variable} beside it`, expected: "one of the two" } };
    const read = readSmallFile(resolve(workingDirectory, file));
    if ("fault" in read) {
        // Who took the variable for the secret itself must not see it in a log.
        const subject = secretPaths.has(setting.path.join(".")) ? "a file" : `the file ${JSON.stringify(file)}`;
        return {
            name,
            problem: {
                found: `${subject} that ${read.fault}`,
                expected: "the path of a readable file that holds the value",
            },
        };
    }
    const value = read.text.replace(/\r?\n$/, "");
    return value === ""
        ? { name, problem: { found: "an empty file", expected: "a file that holds the value" } }
        : { name, text: value };
}

/** What does not fit the form stays a text, and is refused as one by the schema. */
function fromText(text: string, { form, nullable }: SettingPath): unknown {
    if (nullable && text === "null") return null;
    switch (form) {
        case "text":
            return text;
        case "flag":
            return text === "true" ? true : text === "false" ? false : text;
        case "number":
            return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
        case "list":
            return text
                .split(",")
                .map((item) => item.trim())
                .filter((item) => item !== "");
    }
}

/** A warning for each of our variables that no setting has. */
export function unknownVariables(
    variables: Variables,
    settings: readonly SettingPath[],
    placeOf: (variable: string) => string,
): readonly string[] {
    const known = [configVariable, ...settings.map(({ path }) => variableOf(path))];
    const names = new Set(
        known.flatMap((variable) => (variable === configVariable ? [variable] : [variable, `${variable}_FILE`])),
    );
    return Object.keys(variables)
        .filter((name) => name.startsWith(variablePrefix) && !names.has(name))
        .map((name) => {
            const meant = closest(name, [...names]);
            return `${placeOf(name)} is not a setting of Backscroll and is ignored${meant === undefined ? "." : ` (did you mean ${meant}?).`}`;
        });
}
