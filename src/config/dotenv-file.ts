import { parse } from "dotenv";
import { readSmallFile } from "./files.ts";
import type { Problem } from "./problems.ts";
import { type Variables, variablePrefix } from "./environment-source.ts";

export interface DotenvFile {
    readonly variables: Variables;
    readonly placeOf: (variable: string) => string;
    readonly problems: readonly Problem[];
}

/** Our variables in the `.env` file at `path`; a file that is not there has none. @param name how messages name it */
export function readDotenv(path: string, name: string): DotenvFile {
    const read = readSmallFile(path);
    if ("fault" in read) {
        const problems =
            read.code === "ENOENT"
                ? []
                : [{ place: name, found: `a file that ${read.fault}`, expected: "a readable file, or none" }];
        return { variables: {}, placeOf: () => name, problems };
    }
    const ours = Object.entries(parse(read.text)).filter(([name]) => name.startsWith(variablePrefix));
    const lines = read.text.split(/\r\n|\r|\n/);
    return {
        variables: Object.fromEntries(ours),
        placeOf: (variable) => {
            const line = lines.findLastIndex(
                (text) => text.replace(/^\s*(export\s+)?/, "").startsWith(variable) && namesExactly(text, variable),
            );
            return line < 0 ? `${name}: ${variable}` : `${name}:${line + 1}: ${variable}`;
        },
        problems: [],
    };
}

function namesExactly(line: string, variable: string): boolean {
    return /^\s*[=:]/.test(line.slice(line.indexOf(variable) + variable.length));
}
