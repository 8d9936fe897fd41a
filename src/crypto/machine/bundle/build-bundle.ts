import type { BundleRequest, EncryptedBundle } from "../../port.ts";
import { entriesOf, readEntries } from "../entries/entries-of.ts";
import { EntryPages } from "../entries/entry-pages.ts";
import type { Step } from "../store/context.ts";
import { AttachmentCipher } from "./attachment-cipher.ts";
import { type BundlePlan, planBundle } from "./plan-bundle.ts";
import type { Run } from "./runs.ts";

/** Bytes that one step reads and encrypts: a few milliseconds. */
const bytesAStep = 1_048_576;
/** Keys may come while the bundle is built; after so many beginnings it is built in one step. */
const beginnings = 3;

/**
 * Builds and encrypts the room key bundle (UTF-8 JSON) in steps. It is of one moment: if the room's set changed before
 * the last step, it begins again, with the keys that came.
 */
export async function buildBundle(step: Step, request: BundleRequest): Promise<EncryptedBundle> {
    for (let begun = 1; begun < beginnings; begun++) {
        const bundle = await buildInSteps(step, request);
        if (bundle !== undefined) return bundle;
    }
    return await step(async (context) => {
        const bundle = await buildInSteps((operation) => operation(context), request);
        if (bundle === undefined) throw new Error("a page of ready entries is missing");
        return bundle;
    });
}

/** Answers undefined if the room's set changed meanwhile. */
async function buildInSteps(step: Step, request: BundleRequest): Promise<EncryptedBundle | undefined> {
    const { roomId, key, iv } = request;
    const { plan, version } = await step((context) =>
        context.store.atomically((sql) => ({
            plan: planBundle(sql, request),
            version: entriesOf(context, sql).version(roomId),
        })),
    );
    const cipher = new AttachmentCipher(key, iv);
    cipher.write(Buffer.from('{"room_keys":['));
    for (const [index, part] of [...parts(plan.runs)].entries()) {
        if (index > 0) cipher.write(Buffer.from(","));
        const written = await step(({ store, seal }) =>
            store.atomically((sql) => writePart(new EntryPages(sql, seal), roomId, part, cipher)),
        );
        if (!written) return undefined;
    }
    cipher.write(Buffer.from(`],"withheld":[${plan.withheld}]}`));
    const now = await step((context) => readEntries(context, (entries) => entries.version(roomId)));
    return now === version ? answer(plan, version, cipher) : undefined;
}

function answer(plan: BundlePlan, version: string, cipher: AttachmentCipher): EncryptedBundle {
    const shared = plan.runs.reduce((sum, { sessions }) => sum + sessions, 0);
    return { ...cipher.finish(), version, shared, withheld: plan.withheldCount, leftOut: plan.leftOut };
}

/** Runs in parts of about one step each, a page never in two. */
function* parts(runs: readonly Run[]): Generator<readonly Run[]> {
    let part: Run[] = [];
    let bytes = 0;
    for (const run of runs) {
        if (bytes > bytesAStep && part.at(-1)?.page !== run.page) {
            yield part;
            part = [];
            bytes = 0;
        }
        part.push(run);
        bytes += run.length;
    }
    if (part.length > 0) yield part;
}

/** Answers whether every page was still there. */
function writePart(pages: EntryPages, roomId: string, part: readonly Run[], cipher: AttachmentCipher): boolean {
    const comma = Buffer.from(",");
    for (const [index, { page, start, length }] of part.entries()) {
        const body = pages.read(roomId, page);
        if (body === undefined) return false;
        if (index > 0) cipher.write(comma);
        cipher.write(body.subarray(start, start + length));
    }
    return true;
}
