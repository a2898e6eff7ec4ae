/**
 * Numbers in what the kernel writes, and in addresses.
 * @module
 */

/**
 * The number of a text of digits without leading zeros, undefined for all else.
 * Without a regular expression, which is compiled anew after each restore: this
 * is on the way of the first health check.
 */
export function wholeNumber(text: string): number | undefined {
  const number = Number(text);
  const whole = Number.isSafeInteger(number) && number >= 0;
  return whole && String(number) === text ? number : undefined;
}
