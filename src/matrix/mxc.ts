/**
 * A server name; a path segment that URL parsers would remove (`.` and `..`) is none.
 * Source: Matrix v1.19, appendices, "Server Name".
 */
const serverName = String.raw`(?:(?!\.+(?:/|$))[A-Za-z0-9.-]{1,230}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?`;
const mxcUri = new RegExp(`^mxc://(${serverName})/([A-Za-z0-9_-]{1,255})$`);

export interface MediaParts {
    readonly serverName: string;
    readonly mediaId: string;
}

/** The parts of an `mxc://` URI; undefined if it is none. Source: Matrix v1.19, "Matrix Content (MXC) URIs". */
export function parseMxc(uri: string): MediaParts | undefined {
    const [, server, mediaId] = mxcUri.exec(uri) ?? [];
    return server === undefined || mediaId === undefined ? undefined : { serverName: server, mediaId };
}
