/**
 * Waits until the condition gives something truthy and returns it; looks every
 * 5 ms, because the things that tests wait for (a process, the kernel) send no
 * event. Fails with `what` after the limit in milliseconds.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  limitMs = 30_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) {
      throw new Error(
        `Cannot wait any longer for ${what}: ${limitMs} ms passed`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
