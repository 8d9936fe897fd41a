const newline = 0x0a;

/** The other side sent a line that is longer than agreed. */
export class LineTooLong extends Error {
    constructor(limit: number) {
        super(`a line is longer than ${limit} bytes`);
        this.name = "LineTooLong";
    }
}

/**
 * Splits a stream of bytes into lines; what follows the last newline is dropped.
 * @param limit bytes in a line
 * @throws LineTooLong before more than `limit` bytes are kept
 */
export async function* readLines(
    stream: AsyncIterable<Uint8Array>,
    limit: number,
): AsyncGenerator<string, void, undefined> {
    let parts: Uint8Array[] = [];
    let size = 0;
    const keep = (part: Uint8Array) => {
        size += part.length;
        if (size > limit) throw new LineTooLong(limit);
        parts.push(part);
    };
    for await (const chunk of stream) {
        let start = 0;
        for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
            keep(chunk.subarray(start, end));
            const line = Buffer.concat(parts).toString("utf8");
            [parts, size, start] = [[], 0, end + 1];
            yield line;
        }
        keep(chunk.subarray(start));
    }
}
