// Compiled: what the runtime itself needs to start and to end.
export {};
