/**
 * V8's memory for young objects, which it takes from the kernel page by page.
 * @module
 */
import { getHeapSpaceStatistics } from "node:v8";

/** Such a page. */
const YOUNG_PAGE_BYTES = 256 * 1024;
/** Room for a reply to a prepare, a recovery and its reply: some 100 KiB. */
const ROOM_BYTES = YOUNG_PAGE_BYTES / 2;
/** Of zeros, which no snapshot carries. */
const FILLER_ITEMS = 1000;
const MOST_FILLERS = YOUNG_PAGE_BYTES / (FILLER_ITEMS * 8) * 2;

/**
 * Goes on to the next page for young objects where little is left of this one: a
 * fork would have to map it, and bring V8's code for that back from the disk, while
 * its caller waits. A collection leaves none of them mapped but the one in use.
 */
export function makeRoom(): void {
  const { space_used_size: used, space_size: size } = youngSpace();
  if (size - used >= ROOM_BYTES) return;
  for (let i = 0; i < MOST_FILLERS; i++) {
    if (youngSpace().space_size !== size) return;
    new Array(FILLER_ITEMS).fill(0);
  }
}

function youngSpace() {
  return getHeapSpaceStatistics().find(({ space_name }) =>
    space_name === "new_space"
  )!;
}
