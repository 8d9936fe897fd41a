/** Variable parts of a path, in the order in which they are blanked. */
const variables: readonly (readonly [RegExp, string])[] = [
    [/\/(sendToDevice|send)\/([^/]+)\/[^/]+$/, "/$1/$2/*"],
    [/\/upload\/[^/]+\/[^/]+$/, "/upload/*"],
    [/\/state\/([^/]+)\/[^/]+$/, "/state/$1/*"],
    [/\/[!@#$+][^/]*/g, "/*"],
];

/**
 * The same name for every request to the same endpoint: method and decoded path, without version and whatever differs
 * from call to call.
 */
export function endpointOf(method: string, path: string): string {
    const bare = path.replace(/^\/_matrix\/(?:client|(media))\/(?:v\d+|r0|unstable)/, (_, media) =>
        media === undefined ? "" : "/media",
    );
    return `${method} ${variables.reduce((name, [pattern, blank]) => name.replace(pattern, blank), bare)}`;
}
