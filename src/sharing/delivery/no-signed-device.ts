import type { JobStep } from "../ledger/steps.ts";
import { Halt } from "../policy/halt.ts";
import type { Answered } from "./device-keys.ts";

/** The invitee has nothing that keys could be encrypted for. */
export class NoSignedDevice extends Halt {
    /** Where the job goes if nothing better is found. */
    readonly refusal: JobStep<"refused">;
    /**
     * Their own homeserver said so, and nothing of its answer was left out: then nobody's bundle can have reached them
     * either.
     */
    readonly certain: boolean;
    /** They have something there, so that their user ID is somebody's. */
    readonly hasAccount: boolean;

    constructor({ masterKey, devices, whole }: Answered) {
        const refusal: JobStep<"refused"> = ["refused", masterKey === null ? "no_identity" : "no_cross_signed_device"];
        super(refusal);
        this.refusal = refusal;
        this.certain = whole;
        this.hasAccount = masterKey !== null || devices.length > 0;
    }
}
