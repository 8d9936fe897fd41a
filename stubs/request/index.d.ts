declare function request(...args: unknown[]): never;
export = request;
