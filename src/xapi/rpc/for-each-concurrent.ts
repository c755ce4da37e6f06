/**
 * How many calls are on their way at a time. xapi takes one after the other all the same; two or
 * more keep it busy while a reply is being read here.
 */
export const MAX_CONCURRENT_CALLS = 4;

/** Does the work for every item, so many of them at a time, begun in their order. */
export async function forEachConcurrent<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
  concurrency = MAX_CONCURRENT_CALLS,
): Promise<void> {
  const queue = [...items].values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
