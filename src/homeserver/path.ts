/**
 * A request path with every interpolated identifier percent-encoded, so that an ID with a slash, a question mark or a
 * hash stays one segment.
 * @throws TypeError for the segments `.` and `..`, which URL parsers remove however they are encoded.
 */
export function path(literals: TemplateStringsArray, ...segments: readonly string[]): string {
    return literals.reduce((joined, literal, index) => `${joined}${segment(segments[index - 1] ?? "")}${literal}`);
}

function segment(value: string): string {
    if (value === "." || value === "..")
        throw new TypeError("an identifier in a request path may not be a dot segment");
    return encodeURIComponent(value.toWellFormed());
}
