import { Halt } from "../policy/halt.ts";
import type { Answered } from "./device-keys.ts";

/** The invitee has nothing that keys could be encrypted for. */
export class NoSignedDevice extends Halt {
    /** Their own homeserver said so, and nothing of its answer was left out: then nobody's bundle can have reached them either. */
    readonly certain: boolean;
    /** They have something there, so that their user ID is somebody's. */
    readonly hasAccount: boolean;

    constructor({ masterKey, devices, whole }: Answered) {
        super("refused", masterKey === null ? "no_identity" : "no_cross_signed_device");
        this.certain = whole;
        this.hasAccount = masterKey !== null || devices.length > 0;
    }
}
