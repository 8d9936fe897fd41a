/** The exit codes of the contract with operators and their scripts (sysexits.h where it has a word for the case). */
export const exitCodes = {
    done: 0,
    no: 1,
    usage: 64,
    corrupt: 65,
    unreachable: 69,
    internal: 70,
    diskFull: 73,
    diskFault: 74,
    locked: 75,
    credentials: 77,
    configuration: 78,
} as const;
