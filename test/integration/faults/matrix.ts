import type { FaultName } from "./faults.ts";
import type { StoryRequest } from "./stage.ts";

/** Requests x faults, as a table for people: what became of each cell. */
export class Matrix {
    readonly #cells = new Map<string, string>();
    readonly #requests: readonly StoryRequest[];
    readonly #faults: readonly FaultName[];

    constructor(requests: readonly StoryRequest[], faults: readonly FaultName[]) {
        this.#requests = requests;
        this.#faults = faults;
    }

    set(request: StoryRequest, fault: FaultName, outcome: string): void {
        this.#cells.set(cell(request, fault), outcome);
    }

    toString(): string {
        const rows = [
            ["", ...this.#faults],
            ...this.#requests.map((request) => [request, ...this.#faults.map((fault) => this.#get(request, fault))]),
        ];
        const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
        return rows
            .map((row) =>
                row
                    .map((text, column) => text.padEnd(widths[column] ?? 0))
                    .join("  ")
                    .trimEnd(),
            )
            .join("\n");
    }

    #get(request: StoryRequest, fault: FaultName): string {
        return this.#cells.get(cell(request, fault)) ?? "·";
    }
}

const cell = (request: StoryRequest, fault: FaultName): string => `${request} ${fault}`;
