import { resolve } from "node:path";
import { variableOf } from "./environment-source.ts";
import type { Problem } from "./problems.ts";
import { type Source, valueAt } from "./source.ts";
import { sets } from "./validate.ts";

const url = ["homeserver", "url"];
const userId = ["homeserver", "user_id"];
const password = ["homeserver", "password"];
const accessToken = ["homeserver", "access_token"];
const dataDir = ["data_dir"];

/** The size of `sun_path` without its final zero byte (unix(7)). */
const longestSocketPath = 107;
export const defaultDataDir = "./data";
const socketName = "backscroll.sock";

interface Options {
    readonly workingDirectory: string;
    /** Where a person should write what is missing. */
    readonly file: string;
}

/** What no source can be blamed for alone. @param sources the strongest first */
export function crossCheck(sources: readonly Source[], { workingDirectory, file }: Options): readonly Problem[] {
    const strongest = (path: readonly string[]) => sources.find((source) => sets(source, path));
    const missing = (path: readonly string[], expected: string): Problem => ({
        place: file,
        path: path.join("."),
        found: "nothing",
        expected: `${expected}, here or in ${variableOf(path)}`,
    });
    const problems: Problem[] = [];
    if (sources.every((source) => !source.incomplete)) {
        if (strongest(url) === undefined) problems.push(missing(url, "the homeserver's URL"));
        if (strongest(userId) === undefined) problems.push(missing(userId, "the bot's user ID"));
        if (strongest(password) === undefined && strongest(accessToken) === undefined)
            problems.push({
                ...missing(password, "a password or homeserver.access_token"),
                path: "homeserver.password",
            });
    }
    return [...problems, ...bothCredentials(strongest), ...longSocketPath(strongest(dataDir), workingDirectory)];
}

function bothCredentials(strongest: (path: readonly string[]) => Source | undefined): readonly Problem[] {
    const [first, second] = [strongest(password), strongest(accessToken)];
    if (first === undefined || second === undefined) return [];
    const other = first.place(password, "name");
    return [
        {
            place: second.place(accessToken, "name"),
            path: "homeserver.access_token",
            found: `homeserver.password as well (${other})`,
            expected: "one of the two",
        },
    ];
}

function longSocketPath(source: Source | undefined, workingDirectory: string): readonly Problem[] {
    const given = source === undefined ? defaultDataDir : valueAt(source.values, dataDir);
    if (typeof given !== "string") return [];
    const bytes = Buffer.byteLength(socketPath(resolve(workingDirectory, given)));
    if (bytes <= longestSocketPath) return [];
    const found = `a path that makes the control socket's ${bytes} bytes long`;
    const place = source?.place(dataDir, "value") ?? variableOf(dataDir);
    return [
        {
            place,
            path: "data_dir",
            found,
            expected: `a shorter one: a socket's path has at most ${longestSocketPath} bytes`,
        },
    ];
}

/** Where commands reach the running bot. */
export function socketPath(dataDir: string): string {
    return `${dataDir.replace(/\/+$/, "")}/${socketName}`;
}
