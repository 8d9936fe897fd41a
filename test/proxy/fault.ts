/** A request as it came, before it goes on. */
export interface Request {
    /** Counts from 1 through the proxy's life. */
    readonly number: number;
    readonly method: string;
    /** Decoded, without its query. */
    readonly path: string;
    /** See `endpointOf`. */
    readonly endpoint: string;
    readonly body: Buffer;
}

export interface Answer {
    readonly status: number;
    /** An object goes as JSON, a text as the HTML page of a gateway. */
    readonly body: object | string;
    readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What happens to a request instead of being passed on and answered. The homeserver sees those that are named `after`,
 * once or more.
 */
export type Fault =
    /** Answered in the homeserver's stead, which never hears of the request. */
    | { readonly kind: "answer_instead"; readonly answer: Answer }
    /** The connection breaks before the homeserver has the request. */
    | { readonly kind: "break_before" }
    /**
     * The homeserver acts and answers, and `happens` is called and waited for (a kill, say), and then the connection
     * breaks.
     */
    | { readonly kind: "break_after"; readonly happens?: () => unknown }
    /** The homeserver acts, and something else is answered. */
    | { readonly kind: "answer_after"; readonly answer: Answer }
    /**
     * The homeserver acts, and what it answers, as JSON, is changed on its way: how another server's malformed word is
     * played.
     */
    | { readonly kind: "rewrite"; readonly rewrite: (answer: Record<string, Record<string, unknown>>) => object }
    /** The homeserver acts, and its answer ends in the middle, as if it were whole. */
    | { readonly kind: "truncate_after" }
    /** Passed on after so many milliseconds. */
    | { readonly kind: "delay"; readonly ms: number }
    /** The homeserver gets it twice, and the second answer is given. */
    | { readonly kind: "repeat" };

/** Asked about every request, before it goes on, and waited for; undefined: nothing is wrong with it. */
export type Script = (request: Request) => Fault | undefined | Promise<Fault | undefined>;
