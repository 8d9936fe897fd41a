import { readFileSync } from "node:fs";

const headerBytes = 32;
const frameHeaderBytes = 24;

/**
 * How many commits stand in the write-ahead log of an SQLite database. With `synchronous=FULL` each of them was one
 * fsync; a transaction that changed nothing writes none. Counts what was written since the log was last begun anew.
 * Source: https://www.sqlite.org/fileformat2.html#walformat
 */
export function commitsInLog(database: string): number {
    const log = readFileSync(`${database}-wal`);
    if (log.length < headerBytes) return 0;
    const pageBytes = log.readUInt32BE(8);
    const salt = log.subarray(16, 24);
    let commits = 0;
    for (let at = headerBytes; at + frameHeaderBytes + pageBytes <= log.length; at += frameHeaderBytes + pageBytes) {
        // Frames of an earlier round of the log have another salt.
        if (!log.subarray(at + 8, at + 16).equals(salt)) break;
        if (log.readUInt32BE(at + 4) !== 0) commits++;
    }
    return commits;
}
