import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const root = join(import.meta.dirname, "../..");

/** The repository's pages, by their paths in it. */
export const pages: readonly string[] = globSync(["*.md", "docs/**/*.md", "src/**/*.md"], { cwd: root }).toSorted();

/** The text of a file of the repository; empty if it is not there, or is a folder. */
export function read(path: string): string {
    return /\.\w+$/.test(path) && exists(path) ? readFileSync(join(root, path), "utf8") : "";
}

function exists(path: string): boolean {
    return existsSync(join(root, path));
}

/**
 * Lines of more than 120 columns. Rows of tables cannot be broken, and those made from the code have whole sentences in
 * them.
 */
export function wideLines(text: string): readonly string[] {
    return text.split("\n").filter((line) => Array.from(line).length > 120 && !line.startsWith("|"));
}

/** Paragraphs, and points of lists, of more than five lines. */
export function longParagraphs(text: string): readonly string[] {
    return prose(text)
        .join("\n")
        .split(/\n(?:[ \t]*\n)+|\n(?=\s*(?:[-*]|\d+\.) )/)
        .filter((paragraph) => !/^[|#]/.test(paragraph.trimStart()) && paragraph.trim().split("\n").length > 5);
}

/** Relative links that lead to no file, or to no heading of it. */
export function deadLinks(page: string, text: string): readonly string[] {
    const links = prose(text).flatMap((line) =>
        [...line.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target),
    );
    return links.filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(page, target));
}

function leadsSomewhere(page: string, target: string): boolean {
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : normalize(join(dirname(page), path));
    return exists(file) && (anchor === undefined || headings(read(file)).includes(anchor));
}

/** As GitHub names them. */
function headings(text: string): readonly string[] {
    return prose(text)
        .filter((line) => /^#+ /.test(line))
        .map((line) =>
            line
                .replace(/^#+ /, "")
                .toLowerCase()
                .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
                .trim()
                .replaceAll(" ", "-"),
        );
}

/** Files of the repository that the text names between backticks and that are not there. */
export function missingFiles(text: string): readonly string[] {
    const named = [...text.matchAll(/`((?:src|test|bench|demo|config|stubs|docs)\/[\w./-]+)(?::#?\w+)?`/g)].map(
        ([, path = ""]) => path,
    );
    return named.filter((path) => !exists(path) && path !== "config/backscroll.yaml");
}

/** What a page names as `file:function`. */
export function steps(
    page: string,
): readonly { readonly page: string; readonly file: string; readonly name: string }[] {
    return [...read(page).matchAll(/`(src\/[\w/.-]+\.ts):(\w+)`/g)].map(([, file = "", name = ""]) => ({
        page,
        file,
        name,
    }));
}

/** Whether a source has a function, a class, a constant, or a method of this name; to use it is not enough. */
export function declares(source: string, name: string): boolean {
    const asStatement = `\\b(function\\*?|class|const|interface) ${name}\\b`;
    const asMethod = `^ {4}(static |async |get |\\*)*${name}\\b[<(](.*[^;])?$`;
    return new RegExp(`${asStatement}|${asMethod}`, "m").test(source);
}

/** Without what stands in fenced blocks: code, help texts, pictures. */
function prose(text: string): readonly string[] {
    let fenced = false;
    return text.split("\n").filter((line) => {
        if (!line.trimStart().startsWith("```")) return !fenced;
        fenced = !fenced;
        return false;
    });
}
