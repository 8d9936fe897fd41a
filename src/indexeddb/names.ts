/** A frozen, sorted list of names with the methods of the DOM's list of the same name. */
export class DOMStringList extends Array<string> {
    static sorted(names: Iterable<string>): DOMStringList {
        const list = new DOMStringList();
        list.push(...[...names].toSorted(byCodeUnits));
        return Object.freeze(list) as DOMStringList;
    }

    static override get [Symbol.species](): ArrayConstructor {
        return Array;
    }

    contains(name: string): boolean {
        return this.includes(name);
    }

    item(index: number): string | null {
        return this[index] ?? null;
    }
}

function byCodeUnits(a: string, b: string): number {
    return a < b ? -1 : a > b ? 1 : 0;
}
