const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Milliseconds of a duration like `90s`, `15m`, `12h`, `30d` or `2w`; undefined if it is none, or nothing at all. */
export function parseDuration(text: string): number | undefined {
    const match = /^(?<count>\d{1,9})(?<unit>[smhdw])$/.exec(text);
    const unit = match?.groups?.["unit"];
    if (unit === undefined || !isUnit(unit)) return undefined;
    const milliseconds = Number(match?.groups?.["count"]) * units[unit];
    return milliseconds > 0 && milliseconds <= Number.MAX_SAFE_INTEGER ? milliseconds : undefined;
}

const isUnit = (text: string): text is keyof typeof units => Object.hasOwn(units, text);
